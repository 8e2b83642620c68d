"""What stands beside a road: houses, trees and lamp posts, clear of it and of every view of it.

Vehicles are laid over the background, so nothing of it may stand between the camera and the road.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient
from shapely.ops import unary_union

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.world import RoadMap, World

AROUND_M = 260.0
"""How far from the camera anything is drawn beside the road."""
PAVEMENT_M = 3.0
POST_HEIGHT_M, POST_ARM_M = 7.5, 2.0
_VEHICLE_M = 4.2  # the tallest vehicle, with some air
_LOOK_EVERY_M = 4.0


@dataclass(frozen=True)
class House:
    """A box-shaped house: middle of its footprint, half its front and depth, which way it faces."""

    middle_m: tuple[float, float]
    half_m: tuple[float, float]
    heading_rad: float
    height_m: float
    colour: tuple[float, float, float]
    seed: int
    bay_m: float

    @property
    def footprint(self) -> Polygon:
        """Its corners on the ground."""
        (half_x, half_y), turn = self.half_m, self.heading_rad
        ring = np.array(
            [(-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y)]
        )
        across = np.array([np.cos(turn), -np.sin(turn)])
        ahead = np.array([np.sin(turn), np.cos(turn)])
        return Polygon(np.asarray(self.middle_m) + ring[:, :1] * across + ring[:, 1:] * ahead)


@dataclass(frozen=True)
class Tree:
    """A tree: crown radius, height of the crown's middle, and a turn of its green."""

    x_m: float
    y_m: float
    crown_m: float
    middle_m: float
    hue: float


@dataclass(frozen=True)
class Post:
    """A street lamp: its foot, and which way its arm reaches (clockwise from +Y).

    shown: its pole is drawn; one that would hide the road only gives its light.
    """

    x_m: float
    y_m: float
    heading_rad: float
    shown: bool

    @property
    def lamp_m(self) -> Floats:
        """Where its light comes from (3,)."""
        arm = POST_ARM_M * np.array([np.sin(self.heading_rad), np.cos(self.heading_rad)])
        return np.array([self.x_m + arm[0], self.y_m + arm[1], POST_HEIGHT_M])


@dataclass(frozen=True)
class Surroundings:
    """All that stands beside the road, and the paved ground itself."""

    paved: BaseGeometry
    pavement: BaseGeometry
    houses: tuple[House, ...]
    trees: tuple[Tree, ...]
    posts: tuple[Post, ...]


def paved_ground(road: RoadMap) -> BaseGeometry:
    """All asphalt: what is said to be paved, and every lane."""
    parts = [Polygon(ring) for ring in road.paved_m]
    parts += [Polygon(lane.polygon_m) for lane in road.lanes]
    return unary_union([part.buffer(0) for part in parts]).buffer(0.02).buffer(-0.02)


def surroundings(world: World) -> Surroundings:
    """Plan what stands beside the road; the same world gives the same."""
    road, chance = world.road, np.random.default_rng((world.seed, 41))
    paved = paved_ground(road)
    eye_m = np.asarray(world.camera.position_m)
    near = paved.intersection(Point(eye_m[0], eye_m[1]).buffer(AROUND_M))
    town = road.kind == "junction"
    view = _View(eye_m, near)
    posts = [
        Post(float(x), float(y), turn + np.pi, view.clear(Point(x, y).buffer(1.5), 8.0))
        for (x, y), turn in _beside(near, 1.4, 27.0, chance)
    ]
    houses: list[House] = []
    for spot, turn in _beside(near, 12.5 if town else 24.0, 14.0 if town else 31.0, chance):
        house = _house(spot, turn, chance, len(houses))
        ground = house.footprint
        taken = any(ground.intersects(other.footprint.buffer(0.3)) for other in houses)
        if not taken and ground.distance(near) > 4.5 and view.clear(ground, house.height_m):
            houses.append(house)
    trees: list[Tree] = []
    for reach_m, step_m in ((5.2, 11.0), (9.5, 17.0)) if town else ((7.0, 9.0), (15.0, 13.0)):
        for spot, _ in _beside(near, reach_m, step_m, chance):
            tree = _tree(spot, chance)
            crown = Point(tree.x_m, tree.y_m).buffer(tree.crown_m * 1.1)
            housed = any(crown.intersects(house.footprint) for house in houses)
            tall_m = tree.middle_m + 1.4 * tree.crown_m
            if not housed and crown.distance(near) > 0.6 and view.clear(crown, tall_m):
                trees.append(tree)
    around = near.buffer(PAVEMENT_M if town else 0.6).difference(near)
    return Surroundings(near, around, tuple(houses), tuple(trees), tuple(posts))


class _View:
    """The lines of sight from the camera to vehicles anywhere on the road."""

    def __init__(self, eye_m: Floats, paved: BaseGeometry) -> None:
        self._eye_m = eye_m
        spots = _grid_inside(paved, _LOOK_EVERY_M)
        eyes = np.broadcast_to(eye_m[:2], spots.shape)
        self._lines = shapely.linestrings(np.stack([eyes, spots], axis=1))
        self._reach_m = np.linalg.norm(spots - eye_m[:2], axis=1)

    def clear(self, footprint: BaseGeometry, height_m: float) -> bool:
        """Whether a thing of that footprint and height hides no vehicle on the road."""
        crossed = shapely.intersects(self._lines, footprint)
        if not crossed.any():
            return True
        # The lines rise from the road to the eye: above the thing they are not hidden by it.
        distance_m = float(footprint.distance(Point(self._eye_m[0], self._eye_m[1])))
        share = np.clip(distance_m / np.maximum(self._reach_m[crossed], 0.1), 0, 1)
        return bool((self._eye_m[2] * (1 - share) > height_m).all())


def _grid_inside(shape: BaseGeometry, step_m: float) -> Floats:
    """Points every few metres inside a shape, and along its edge."""
    x0, y0, x1, y1 = shape.bounds
    x_m, y_m = np.meshgrid(np.arange(x0, x1, step_m), np.arange(y0, y1, step_m))
    inside = shapely.contains_xy(shape, x_m.ravel(), y_m.ravel())
    points = np.stack([x_m.ravel()[inside], y_m.ravel()[inside]], axis=-1)
    edge = shape.boundary.segmentize(step_m)
    return np.concatenate([points, shapely.get_coordinates(edge)])


def _beside(
    paved: BaseGeometry, away_m: float, step_m: float, chance: np.random.Generator
) -> Iterator[tuple[Floats, float]]:
    """Spots along the road, so far from it, with the heading that looks away from it."""
    rim = paved.simplify(0.2).buffer(away_m, join_style="mitre", mitre_limit=1.5)
    outlines = [orient(polygon) for polygon in getattr(rim, "geoms", [rim])]
    for ring in [ring for one in outlines for ring in (one.exterior, *one.interiors)]:
        line = LineString(ring.coords)
        at_m = float(chance.uniform(0, step_m))
        while at_m < line.length:
            first, second = line.interpolate(at_m), line.interpolate(min(at_m + 0.5, line.length))
            along = np.array([second.x - first.x, second.y - first.y])
            spot = np.array([first.x, first.y]) + chance.uniform(-0.05, 0.05, 2) * step_m
            if np.linalg.norm(along) > 0.1:
                # Rings run counter-clockwise, holes clockwise: outside is to their right.
                yield spot, float(np.arctan2(along[1], -along[0]))
            at_m += step_m * float(chance.uniform(0.85, 1.2))


def _house(spot_m: Floats, heading_rad: float, chance: np.random.Generator, number: int) -> House:
    storeys = int(chance.integers(2, 5))
    tint = chance.uniform(0.75, 1.15)
    plaster = chance.choice(
        [(0.30, 0.40, 0.47), (0.42, 0.44, 0.45), (0.17, 0.24, 0.36), (0.30, 0.37, 0.42)]
    )
    return House(
        middle_m=(float(spot_m[0]), float(spot_m[1])),
        half_m=(float(chance.uniform(6.0, 9.5)), float(chance.uniform(5.0, 6.0))),
        heading_rad=heading_rad,
        height_m=3.9 + 3.05 * storeys + 0.6,
        colour=(float(plaster[0] * tint), float(plaster[1] * tint), float(plaster[2] * tint)),
        seed=number + 1,
        bay_m=float(chance.choice([2.7, 3.0, 3.2])),
    )


def _tree(spot_m: Floats, chance: np.random.Generator) -> Tree:
    size = float(chance.uniform(0.75, 1.25))
    jitter = chance.uniform(-1.0, 1.0, 2)
    return Tree(
        float(spot_m[0] + jitter[0]),
        float(spot_m[1] + jitter[1]),
        2.1 * size,
        4.2 * size,
        float(chance.uniform(-1, 1)),
    )
