"""House fronts, found by casting a ray through every pixel of the window a house may lie in."""

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints
from traffic_ai.simulate.draw.grain import Grain
from traffic_ai.simulate.draw.lighting import LAMP_COLOUR, Lighting
from traffic_ai.simulate.draw.noise import hashed
from traffic_ai.simulate.draw.surroundings import House

SHOP_M, STOREY_M = 3.9, 3.05
_LIT_SHARE = 0.35
"""Of the windows by night."""
_PLASTER = Grain(90)


def cast_house(
    house: House, eye_m: Floats, rays: Floats, light: Lighting
) -> tuple[Ints, Floats, Floats]:
    """Which unit rays (N, 3) hit a house, at what distance (hits,), and the colours (hits, 3)."""
    sine, cosine = np.sin(house.heading_rad), np.cos(house.heading_rad)
    turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]])
    origin = ((eye_m - np.array([*house.middle_m, 0.0])) @ turn).astype(np.float32)
    local = rays @ turn.astype(np.float32)
    low = np.array([-house.half_m[0], -house.half_m[1], 0.0], np.float32)
    high = np.array([house.half_m[0], house.half_m[1], house.height_m], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - origin) / local, (high - origin) / local
    enter, leave = np.minimum(first, second), np.maximum(first, second)
    near = np.maximum(np.maximum(enter[:, 0], enter[:, 1]), enter[:, 2])
    far = np.minimum(np.minimum(leave[:, 0], leave[:, 1]), leave[:, 2])
    hit = np.flatnonzero((near < far) & (near > 0))
    local, near, axis = local[hit], near[hit], enter[hit].argmax(axis=1)
    points_m = origin + local * near[:, None]
    across_m = np.where(axis == 0, points_m[:, 1] - low[1], points_m[:, 0] - low[0])
    normal = np.zeros_like(points_m)
    normal[np.arange(len(normal)), axis] = -np.sign(local[np.arange(len(local)), axis])
    sun = np.clip(normal @ (light.toward_sun @ turn), 0, 1)[:, None]
    wall, lit = _front(house, across_m, points_m[:, 2])
    colour = wall * (light.sun * sun + light.sky * 0.62)
    if light.lamps:
        colour = colour + light.lamps * (0.02 * lit + 0.004 * wall / (1 + points_m[:, 2:3]))
    return hit, near, np.asarray(colour)


def _front(house: House, across_m: Floats, z_m: Floats) -> tuple[Floats, Floats]:
    """Colours (N, 3) of a front over across and height (N,), and its lamplight (N, 3) by night."""
    grain = _PLASTER.layered_at(across_m + 31.0 * house.seed, z_m, 2.0, 4)
    stain = 1 - 0.10 * np.exp(-np.abs(house.height_m - z_m) / 1.5)
    wall: Floats = np.asarray(house.colour) * ((1 + 0.18 * grain) * stain)[:, None]
    lit = np.zeros_like(wall)
    _lay_windows(wall, lit, house, across_m, z_m)
    _lay_shops(wall, lit, house, across_m, z_m)
    cornice = (z_m > house.height_m - 0.55) | ((z_m > SHOP_M - 0.25) & (z_m < SHOP_M))
    wall[cornice] = np.asarray(house.colour) * 0.8
    lit[cornice] = 0.0
    return wall, lit


def _lay_windows(wall: Floats, lit: Floats, house: House, across_m: Floats, z_m: Floats) -> None:
    """Rows of windows: frame, sill, two panes with sky in them, some with curtains."""
    floor, bay = np.floor((z_m - SHOP_M) / STOREY_M), np.floor(across_m / house.bay_m)
    up_m = z_m - SHOP_M - floor * STOREY_M
    side_m = np.abs(across_m - (bay + 0.5) * house.bay_m)
    upper = (z_m > SHOP_M) & (z_m < house.height_m - 1.0)
    frame = upper & (side_m < 0.68) & (up_m > 0.72) & (up_m < 2.46)
    pane = upper & (side_m < 0.60) & (side_m > 0.035) & (up_m > 0.80) & (up_m < 2.38)
    sill = upper & (side_m < 0.78) & (up_m > 0.60) & (up_m <= 0.72)
    wall[frame | sill] = (0.55, 0.56, 0.56)
    chance = hashed(bay.astype(np.int64), floor.astype(np.int64), house.seed)
    sky = np.array([0.30, 0.25, 0.21]) * np.clip((up_m - 0.8) / 1.6, 0, 1)[:, None]
    glass = np.array([0.09, 0.075, 0.065]) * (0.5 + chance)[:, None] + sky * chance[:, None]
    curtain = (chance > 0.55) & (side_m > 0.30)
    glass[curtain] = (0.42, 0.44, 0.45)
    wall[pane] = glass[pane]
    lit[pane & (chance < _LIT_SHARE)] = LAMP_COLOUR
    lit[pane & curtain & (chance < 0.7)] = LAMP_COLOUR * 0.5


def _lay_shops(wall: Floats, lit: Floats, house: House, across_m: Floats, z_m: Floats) -> None:
    """The ground floor: shop windows between piers, doors, name boards."""
    shop, board = np.floor(across_m / 4.2), np.floor(across_m / 8.4)
    within_m = across_m - shop * 4.2
    nothing = np.zeros(len(z_m), np.int64)
    wall[z_m < SHOP_M - 0.25] *= 0.78
    glazed = (z_m > 0.45) & (z_m < 2.9) & (within_m > 0.4) & (within_m < 3.9)
    mullion = (np.abs(np.mod(within_m, 1.17) - 0.4) < 0.04) | (np.abs(z_m - 2.3) < 0.04)
    chance = hashed(shop.astype(np.int64), nothing, house.seed + 40)[:, None]
    warm = (
        np.array([0.16, 0.22, 0.27])
        * (chance > 0.5)
        * np.clip(1.2 - np.abs(z_m - 2.0), 0, 1)[:, None]
    )
    sky = np.array([0.12, 0.10, 0.09]) * np.clip((z_m - 0.4) / 2.5, 0, 1)[:, None]
    goods = hashed(
        np.floor(across_m / 0.5).astype(np.int64),
        np.floor(z_m / 0.6).astype(np.int64),
        house.seed + 60,
    )
    stock = np.array([0.10, 0.11, 0.13]) * (goods * (z_m < 1.7))[:, None]
    wall[glazed] = (0.045 + warm + sky + stock)[glazed]
    lit[glazed] = (warm * 2.0)[glazed]
    wall[glazed & mullion] = (0.05, 0.05, 0.05)
    lit[glazed & mullion] = 0.0
    sign = (
        (z_m > 3.02) & (z_m < 3.58) & (np.mod(across_m, 8.4) > 0.3) & (np.mod(across_m, 8.4) < 8.0)
    )
    hue = hashed(board.astype(np.int64), nothing, house.seed + 50)[:, None]
    red, blue = np.array([0.06, 0.14, 0.42]), np.array([0.30, 0.16, 0.05])
    wall[sign] = np.where(
        hue > 0.66, red, np.where(hue > 0.33, blue, np.array([0.08, 0.16, 0.07]))
    )[sign]
    letter = (
        sign
        & (np.abs(z_m - 3.3) < 0.14)
        & (np.mod(across_m, 8.4) > 2.2)
        & (np.mod(across_m, 8.4) < 5.6)
    )
    stroke = hashed(np.floor(across_m / 0.16).astype(np.int64), nothing, house.seed + 70) > 0.4
    wall[letter & stroke] = (0.6, 0.62, 0.62)
