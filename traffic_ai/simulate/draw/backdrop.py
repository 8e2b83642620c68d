"""What stands beyond the road: sky and house fronts, found by casting a ray through every pixel."""

from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.draw.light import HORIZON, SKY_COLOUR, SUN, SUN_COLOUR, ZENITH
from traffic_ai.simulate.draw.noise import hashed, layered_noise

HAZE = np.array([0.88, 0.83, 0.78])
HAZE_REACH_M = 1500.0
SHOP_M, STOREY_M = 3.9, 3.05


@dataclass(frozen=True)
class House:
    """A box-shaped house with rows of windows over a shop floor."""

    low_m: tuple[float, float]
    high_m: tuple[float, float]
    height_m: float
    colour: tuple[float, float, float]
    seed: int
    bay_m: float = 2.7


HOUSES = (
    House((13.5, 48.5), (27, 66), 12.6, (0.30, 0.40, 0.47), 1),
    House((13.8, 66), (27, 84), 15.2, (0.42, 0.44, 0.45), 2, 3.1),
    House((13.2, 85), (27, 112), 13.0, (0.17, 0.24, 0.36), 3),
    House((13.6, 114), (27, 150), 16.0, (0.36, 0.40, 0.42), 4, 3.0),
    House((13.4, 152), (27, 240), 13.0, (0.28, 0.36, 0.42), 5),
    House((22.0, 2), (40, 27), 13.0, (0.36, 0.43, 0.46), 6, 3.2),
    House((-29, 49), (-15.0, 70), 13.5, (0.44, 0.46, 0.46), 7, 3.0),
    House((-29, 70), (-14.6, 92), 10.5, (0.26, 0.36, 0.44), 8),
    House((-29, 95), (-15.0, 128), 14.5, (0.33, 0.37, 0.39), 9, 3.0),
    House((-29, 130), (-14.5, 240), 12.0, (0.22, 0.30, 0.40), 10),
    House((-48, 6), (-27.0, 29), 11.0, (0.30, 0.37, 0.42), 11),
    House((-40, 300), (40, 310), 17.0, (0.30, 0.33, 0.35), 12, 3.4),
)


def haze(colour: Floats, distance_m: Floats) -> Floats:
    """Colours (N, 3) seen through air."""
    clear = np.exp(-distance_m / HAZE_REACH_M)[:, None]
    return np.asarray(colour * clear + HAZE * (1 - clear))


def sky_colour(rays: Floats) -> Floats:
    """Sky with thin cloud in unit directions (N, 3)."""
    rise = np.clip(rays[:, 2], 0.004, 1)
    base = HORIZON + (ZENITH - HORIZON) * np.clip(rise * 3.2, 0, 1)[:, None] ** 0.75
    x, y = rays[:, 0] / (rise + 0.05), rays[:, 1] / (rise + 0.05)
    cloud = layered_noise(x, y * 0.6, 2.2, 5, 81, np.zeros_like(x))
    share = np.clip(0.35 + 1.1 * cloud, 0, 0.85)[:, None]
    return np.asarray(base + (np.array([1.0, 0.99, 0.97]) - base) * share)


def cast_house(house: House, origin_m: Floats, rays: Floats) -> tuple[Bools, Floats, Floats]:
    """Which unit rays (N, 3) hit a house, at what distance (N,), and the colours (hits, 3)."""
    low, high = np.array([*house.low_m, 0.0]), np.array([*house.high_m, house.height_m])
    with np.errstate(divide="ignore"):
        first, second = (low - origin_m) / rays, (high - origin_m) / rays
    enter, leave = np.minimum(first, second), np.maximum(first, second)
    axis = enter.argmax(axis=1)
    near, far = enter.max(axis=1), leave.min(axis=1)
    hit = (near < far) & (near > 0)
    points_m = origin_m + rays[hit] * near[hit, None]
    along_x = axis[hit] == 0
    normal = np.zeros_like(points_m)
    normal[np.arange(len(normal)), axis[hit]] = -np.sign(rays[hit, axis[hit]])
    across_m = np.where(along_x, points_m[:, 1] - low[1], points_m[:, 0] - low[0])
    colour = _front(house, across_m, points_m[:, 2])
    sun = np.clip(normal @ SUN, 0, 1)[:, None]
    return hit, near, np.asarray(colour * (SUN_COLOUR * sun * 1.2 + SKY_COLOUR * 0.62))


def _front(house: House, across_m: Floats, z_m: Floats) -> Floats:
    """The colours (N, 3) of a front over across and height (N,): plaster, windows, shops."""
    grain = layered_noise(across_m, z_m, 2.0, 4, 90 + house.seed, np.full(len(z_m), 0.02))
    stain = 1 - 0.10 * np.exp(-np.abs(house.height_m - z_m) / 1.5)
    wall: Floats = np.asarray(house.colour) * ((1 + 0.18 * grain) * stain)[:, None]
    _lay_windows(wall, house, across_m, z_m)
    _lay_shops(wall, house, across_m, z_m)
    cornice = (z_m > house.height_m - 0.55) | ((z_m > SHOP_M - 0.25) & (z_m < SHOP_M))
    wall[cornice] = np.asarray(house.colour) * 0.8
    return wall


def _lay_windows(wall: Floats, house: House, across_m: Floats, z_m: Floats) -> None:
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


def _lay_shops(wall: Floats, house: House, across_m: Floats, z_m: Floats) -> None:
    """The ground floor: shop windows between piers, doors, name boards."""
    shop, board = np.floor(across_m / 4.2), np.floor(across_m / 8.4)
    within_m = across_m - shop * 4.2
    nothing = np.zeros(len(z_m), np.int64)
    wall[z_m < SHOP_M - 0.25] *= 0.78
    glazed = (z_m > 0.45) & (z_m < 2.9) & (within_m > 0.4) & (within_m < 3.9)
    mullion = (np.abs(np.mod(within_m, 1.17) - 0.4) < 0.04) | (np.abs(z_m - 2.3) < 0.04)
    chance = hashed(shop.astype(np.int64), nothing, house.seed + 40)[:, None]
    lit = (
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
    wall[glazed] = (0.045 + lit + sky + stock)[glazed]
    wall[glazed & mullion] = (0.05, 0.05, 0.05)
    sign = (
        (z_m > 3.02) & (z_m < 3.58) & (np.mod(across_m, 8.4) > 0.3) & (np.mod(across_m, 8.4) < 8.0)
    )
    hue = hashed(board.astype(np.int64), nothing, house.seed + 50)[:, None]
    warm, cool = np.array([0.06, 0.14, 0.42]), np.array([0.30, 0.16, 0.05])
    wall[sign] = np.where(
        hue > 0.66, warm, np.where(hue > 0.33, cool, np.array([0.08, 0.16, 0.07]))
    )[sign]
    letter = (
        sign
        & (np.abs(z_m - 3.3) < 0.14)
        & (np.mod(across_m, 8.4) > 2.2)
        & (np.mod(across_m, 8.4) < 5.6)
    )
    stroke = hashed(np.floor(across_m / 0.16).astype(np.int64), nothing, house.seed + 70) > 0.4
    wall[letter & stroke] = (0.6, 0.62, 0.62)
