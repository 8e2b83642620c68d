"""The picture without vehicles, made once a camera: ground, houses, sky, trees, posts."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.backdrop import HOUSES, cast_house, haze, sky_colour
from traffic_ai.simulate.draw.furniture import posts
from traffic_ai.simulate.draw.ground import ground_colour
from traffic_ai.simulate.draw.light import SKY_COLOUR, SUN, SUN_COLOUR, Switches
from traffic_ai.simulate.draw.noise import layered_noise
from traffic_ai.simulate.draw.sprite import Pose, draw_vehicle, lay_over
from traffic_ai.simulate.draw.trees import Tree, draw_tree, plant, shade_share

SCALE = 2
ROWS = 60
SUN_SHARE = 0.62
"""Part of the light on open ground that comes straight from the sun."""


@dataclass(frozen=True)
class _Strip:
    colour: Floats
    depth_m: Floats


def draw_background(camera: Camera, seed: int) -> Floats:
    """Linear colours (H, W, 3) of the empty scene."""
    trees = plant(seed)
    strips = [_cast(camera, row, trees) for row in range(0, camera.height_px * SCALE, ROWS)]
    picture = np.ascontiguousarray(
        np.concatenate([strip.colour for strip in strips]).astype(np.float32)
    )
    depth_m = np.concatenate([strip.depth_m for strip in strips])
    for number, tree in enumerate(trees):
        draw_tree(picture, depth_m, tree, camera, SCALE, seed + 1000 + number)
    size_px = (camera.width_px, camera.height_px)
    small = np.asarray(cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA), np.float32)
    sprite = draw_vehicle(posts(), Pose(0.0, 0.0, False), Switches(False, 0.0), camera)
    if sprite is not None:
        lay_over(small, sprite)
    return small


def _cast(camera: Camera, first_row: int, trees: tuple[Tree, ...]) -> _Strip:
    """A few picture rows at the supersampled size."""
    u, v = np.meshgrid(
        np.arange(camera.width_px * SCALE) + 0.5, np.arange(first_row, first_row + ROWS) + 0.5
    )
    rays = camera.rays(np.stack([u.ravel(), v.ravel()], -1) / SCALE)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    origin_m = np.asarray(camera.position_m)
    colour = np.zeros_like(rays)
    depth_m = np.full(len(rays), 1e6)
    down = rays[:, 2] < -1e-4
    colour[~down] = sky_colour(rays[~down])
    depth_m[down] = -origin_m[2] / rays[down, 2]
    points_m = origin_m + rays[down] * depth_m[down, None]
    colour[down] = haze(_lit_ground(points_m, depth_m[down], camera, trees), depth_m[down])
    for house in HOUSES:
        hit, near_m, seen = cast_house(house, origin_m, rays)
        closer = near_m[hit] < depth_m[hit]
        index = np.flatnonzero(hit)[closer]
        depth_m[index] = near_m[index]
        colour[index] = haze(seen[closer], near_m[index])
    shape = (ROWS, camera.width_px * SCALE)
    return _Strip(colour.reshape(*shape, 3), depth_m.reshape(shape))


def _lit_ground(
    points_m: Floats, depth_m: Floats, camera: Camera, trees: tuple[Tree, ...]
) -> Floats:
    """Ground points (N, 3) in sun and shade."""
    x_m, y_m = points_m[:, 0], points_m[:, 1]
    pixel_m = depth_m / camera.focal_px
    footprint_m = pixel_m * np.sqrt(depth_m / camera.position_m[2]) * 0.7
    reflectance = ground_colour(x_m, y_m, footprint_m)
    dapple = layered_noise(x_m, y_m, 0.7, 3, 95, footprint_m)
    shadow = np.maximum(shade_share(trees, x_m, y_m, dapple), _house_shade(x_m, y_m))[:, None]
    full = SUN_COLOUR * SUN[2] * 1.25 + SKY_COLOUR
    return np.asarray(reflectance * full * (1 - SUN_SHARE * shadow))


def _house_shade(x_m: Floats, y_m: Floats) -> Floats:
    """1 where a house stands between a ground point and the sun."""
    shade = np.zeros(x_m.shape)
    for house in HOUSES:
        reach = house.height_m / SUN[2]
        enter, leave = np.zeros(x_m.shape), np.full(x_m.shape, reach)
        for value, axis in ((x_m, 0), (y_m, 1)):
            first, second = (
                (house.low_m[axis] - value) / SUN[axis],
                (house.high_m[axis] - value) / SUN[axis],
            )
            enter, leave = (
                np.maximum(enter, np.minimum(first, second)),
                np.minimum(leave, np.maximum(first, second)),
            )
        shade = np.where(enter < leave, 1.0, shade)
    return shade
