"""Trees: clouds of small leaf discs drawn far to near, and the shade they throw."""

from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw.backdrop import haze
from traffic_ai.simulate.draw.light import SUN


@dataclass(frozen=True)
class Tree:
    """A tree on the verge: crown radii and the height of the crown's middle."""

    x_m: float
    y_m: float
    crown_m: float
    middle_m: float
    hue: float


def plant(seed: int) -> tuple[Tree, ...]:
    """Street trees on both sides, with chance in place and size."""
    chance = np.random.default_rng(seed)
    spots: list[tuple[float, float]] = []
    spots += [(11.3, y) for y in (52.0, 63.0, 74.0, 86.0, 98.0, 111.0, 125.0, 140.0)]
    spots += [(-11.6, y) for y in (51.0, 61.0, 72.0, 83.0, 95.0, 108.0, 122.0, 137.0)]
    spots += [(-16.0, 26.0), (-20.5, 20.5), (-14.5, 17.0), (15.5, 25.5), (-24.0, 27.0)]
    spots += [(-19.0, 44.8), (20.0, 46.5)]
    found = []
    for x, y in spots:
        size = chance.uniform(0.8, 1.2)
        jitter = chance.uniform(-0.7, 0.7, 2)
        found.append(
            Tree(
                x + float(jitter[0]),
                y + float(jitter[1]),
                2.1 * size,
                4.2 * size,
                float(chance.uniform(-1, 1)),
            )
        )
    return tuple(sorted(found, key=lambda tree: -tree.y_m))


def shade_share(trees: tuple[Tree, ...], x_m: Floats, y_m: Floats, dapple: Floats) -> Floats:
    """How much of the sun trees take from road points (N,), dapple (N,) being noise about zero."""
    total = np.zeros(x_m.shape)
    for tree in trees:
        dx = x_m - tree.x_m + SUN[0] / SUN[2] * tree.middle_m
        dy = y_m - tree.y_m + SUN[1] / SUN[2] * tree.middle_m
        reach = np.hypot(dx, dy) / tree.crown_m
        total = np.maximum(total, np.clip((1.05 - reach) * 4 + dapple * 3.0, 0, 1))
    return total


def draw_tree(
    picture: Floats, depth_m: Floats, tree: Tree, camera: Camera, scale: int, seed: int
) -> None:
    """Draw a tree into a linear picture (H, W, 3) where nothing nearer stands."""
    chance = np.random.default_rng(seed)
    foot = np.array([tree.x_m, tree.y_m, 0.0])
    middle = foot + np.array([0.0, 0.0, tree.middle_m])
    trunk_px = camera.project_px(np.stack([foot, middle])) * scale
    distance_m = float(np.linalg.norm(foot - np.asarray(camera.position_m)))
    _blob_line(picture, depth_m, trunk_px, distance_m, camera.focal_px * scale * 0.16 / distance_m)
    near = max(1.0, min(3.0, 55.0 / distance_m))
    leaves = round(70 * near**1.6)
    clumps = chance.normal(0, 1, (38, 3))
    clumps *= (chance.uniform(0.35, 1, 38) ** 0.5 / np.linalg.norm(clumps, axis=1))[:, None]
    leaf = np.repeat(clumps, leaves, axis=0) * 0.78 + chance.normal(0, 0.13, (38 * leaves, 3))
    lit = np.clip(0.45 + 0.55 * (leaf @ SUN) + chance.normal(0, 0.13, len(leaf)), 0.10, 1.15)
    world_m = middle + leaf * tree.crown_m * np.array([1, 1, 1.15])
    order = np.argsort(-world_m[:, 1])
    points_px = camera.project_px(world_m) * scale
    colour = np.array([0.040, 0.135, 0.085]) * (1 + 0.25 * tree.hue * np.array([-0.4, 0.1, 1.0]))
    shades = haze(lit[:, None] * colour * 1.9, np.full(len(leaf), distance_m))
    radius = max(1, round(camera.focal_px * scale * 0.085 * tree.crown_m / 2.1 / distance_m / near))
    height, width = depth_m.shape
    for i in order:
        u, v = int(points_px[i, 0]), int(points_px[i, 1])
        if 0 <= u < width and 0 <= v < height and depth_m[v, u] > distance_m - 3:
            cv2.circle(picture, (u, v), radius + int(i % 3 == 0), shades[i].tolist(), -1)


def _blob_line(
    picture: Floats, depth_m: Floats, ends_px: Floats, distance_m: float, half_px: float
) -> None:
    """A trunk."""
    foot, top = ends_px
    u, v = int(foot[0]), int(foot[1])
    if 0 <= u < depth_m.shape[1] and 0 <= v < depth_m.shape[0] and depth_m[v, u] < distance_m - 3:
        return
    side = np.array([half_px, 0])
    corners = np.array([foot - side, foot + side, top + side * 0.6, top - side * 0.6])
    cv2.fillConvexPoly(picture, corners.astype(np.int32), (0.045, 0.06, 0.075))
