"""Trees: clouds of small leaf discs drawn far to near."""

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.lighting import Lighting
from traffic_ai.simulate.draw.surroundings import Tree

_CLUMPS = 38
_LEAF = np.array([0.040, 0.135, 0.085])
_TRUNK = np.array([0.045, 0.06, 0.075])
_FARTHEST_M = 300.0


def draw_tree(
    picture: Floats,
    depth_m: Floats,
    tree: Tree,
    camera: Camera,
    scale: float,
    light: Lighting,
    seed: int,
) -> None:
    """Draw a tree into a linear picture (H, W, 3) where nothing nearer stands."""
    chance = np.random.default_rng((seed, 1000))
    foot = np.array([tree.x_m, tree.y_m, 0.0])
    middle = foot + np.array([0.0, 0.0, tree.middle_m])
    distance_m = float(np.linalg.norm(middle - np.asarray(camera.position_m)))
    ends = camera.to_camera_m(np.stack([foot, middle]))
    if distance_m > _FARTHEST_M or ends[:, 2].min() < 2.0 + tree.crown_m:
        return
    metre_px = camera.focal_px * scale / distance_m
    if not _in_sight(camera.from_camera_px(ends) * scale, 2.0 * tree.crown_m * metre_px, depth_m):
        return
    strength = light.sun * 0.9 + light.sky
    _trunk(picture, depth_m, camera.from_camera_px(ends) * scale, distance_m, metre_px, light)
    near = max(1.0, min(3.0, 55.0 * scale * camera.focal_px / 2100.0 / distance_m))
    leaves = round(70 * near**1.6)
    clumps = chance.normal(0, 1, (_CLUMPS, 3))
    clumps *= (chance.uniform(0.35, 1, _CLUMPS) ** 0.5 / np.linalg.norm(clumps, axis=1))[:, None]
    leaf = np.repeat(clumps, leaves, axis=0) * 0.78
    leaf += chance.normal(0, 0.13, leaf.shape)
    side = light.toward_sun if light.sun.any() else np.array([0.0, 0.0, 1.0])
    lit = np.clip(0.45 + 0.55 * (leaf @ side) + chance.normal(0, 0.13, len(leaf)), 0.10, 1.15)
    world_m = middle + leaf * tree.crown_m * np.array([1, 1, 1.15])
    in_camera = camera.to_camera_m(world_m)
    order = np.argsort(-in_camera[:, 2])
    points_px = (camera.from_camera_px(in_camera) * scale)[order].astype(int)
    colour = _LEAF * (1 + 0.25 * tree.hue * np.array([-0.4, 0.1, 1.0])) * strength
    shades = light.through_air(lit[order, None] * colour, np.full(len(leaf), distance_m))
    radius = max(1, round(metre_px * 0.085 * tree.crown_m / 2.1 / near))
    height, width = depth_m.shape
    inside = (
        (points_px >= -radius).all(axis=1)
        & (points_px[:, 0] < width + radius)
        & (points_px[:, 1] < height + radius)
    )
    at = np.clip(points_px, 0, [width - 1, height - 1])
    seen = inside & (depth_m[at[:, 1], at[:, 0]] > distance_m - 3)
    radii = radius + (np.arange(len(leaf)) % 3 == 0)
    for spot, size, shade in zip(
        points_px[seen].tolist(), radii[seen].tolist(), shades[seen].tolist(), strict=True
    ):
        cv2.circle(picture, spot, size, shade, -1)


def shade_share(
    trees: tuple[Tree, ...], x_m: Floats, y_m: Floats, dapple: Floats, toward_sun: Floats
) -> Floats:
    """How much of the sun trees take from road points (...), dapple (...) being noise about 0."""
    total = np.zeros(x_m.shape, np.float32)
    slope = (toward_sun[:2] / toward_sun[2]).astype(np.float32)
    for tree in trees:
        dx = x_m - np.float32(tree.x_m - slope[0] * tree.middle_m)
        dy = y_m - np.float32(tree.y_m - slope[1] * tree.middle_m)
        reach = dx * dx + dy * dy
        near = reach < (1.5 * tree.crown_m) ** 2
        if near.any():
            share = (1.05 - np.sqrt(reach[near]) / tree.crown_m) * 4 + dapple[near] * 3.0
            total[near] = np.maximum(total[near], np.clip(share, 0, 1))
    return total


def _in_sight(ends_px: Floats, room_px: float, depth_m: Floats) -> bool:
    height, width = depth_m.shape
    low, high = ends_px.min(axis=0) - room_px, ends_px.max(axis=0) + room_px
    return bool(high[0] > 0 and high[1] > 0 and low[0] < width and low[1] < height)


def _trunk(
    picture: Floats,
    depth_m: Floats,
    ends_px: Floats,
    distance_m: float,
    metre_px: float,
    light: Lighting,
) -> None:
    foot, top = ends_px
    u, v = int(foot[0]), int(foot[1])
    if 0 <= u < depth_m.shape[1] and 0 <= v < depth_m.shape[0] and depth_m[v, u] < distance_m - 3:
        return
    side = np.array([0.16 * metre_px, 0])
    corners = np.array([foot - side, foot + side, top + side * 0.6, top - side * 0.6])
    lit = (_TRUNK * (light.sun * 0.4 + light.sky))[None]
    colour = light.through_air(lit, np.array([distance_m]))[0]
    cv2.fillConvexPoly(picture, corners.astype(np.int32), colour.tolist())
