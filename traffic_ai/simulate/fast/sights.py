"""What a camera sees of each vehicle: its exact box, and the box of what nothing nearer hides.

First step of the fast mode, before the detector's errors. Vehicles and poles are the convex
outlines of their projections; who is nearer hides who is farther off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.world import Body, Course, Pole, Vehicle, World

NEAREST_DEPTH_M = 0.3
SMALLEST_PX = 4.0
# A strip beside a nearer vehicle that is thinner than twice this share of the box's height shows
# nothing a detector could take for the vehicle's edge.
STRIP_SHARE = 0.08
# The line of sight meets the vehicle's axis at less than 60 degrees: its front or rear is seen.
END_ON = 0.5
# Less than this share hidden changes no box.
_LEAST_HIDDEN = 0.01
# Directions in which the outermost points of a body are taken for its shape.
_DIRECTIONS = 40
ENDS = (VehicleEnd.FRONT, VehicleEnd.REAR, VehicleEnd.SIDE)


@dataclass(frozen=True, eq=False)
class Sight:
    """One vehicle in the frames (T,) in which it is in the picture.

    box_px (T, 4): its projection, cut at the picture's edges. seen_px (T, 4): the box of its part
    that nothing hides; unhidden (T,): that part as a share of what is in the picture; inside (T,):
    the share of the whole projection that is in the picture. depth_m (T,): of its nearest point.
    end (T,): which end is nearest the camera, as positions in `ENDS`.
    """

    vehicle: Vehicle
    frames: NDArray[np.int64]
    box_px: Array
    seen_px: Array
    unhidden: Array
    inside: Array
    depth_m: Array
    end: NDArray[np.int64]

    @property
    def visible(self) -> Array:
        """Share (T,) of the whole projection that is in the picture and that nothing hides."""
        return np.asarray(self.unhidden * self.inside)


def sights(world: World) -> list[Sight]:
    """Every vehicle that is ever in the picture, in the order of the world."""
    mount = _Mount(world)
    shown = [(v, outline) for v in world.vehicles if (outline := mount.vehicle(v)) is not None]
    poles = [outline for pole in world.poles if (outline := mount.pole(pole)) is not None]
    parts = _visible_parts([outline for _, outline in shown], poles)
    return [
        Sight(
            vehicle,
            outline.frames,
            outline.box_px,
            seen_px,
            unhidden,
            outline.inside,
            outline.depth_m,
            mount.end(vehicle, outline.frames),
        )
        for (vehicle, outline), (seen_px, unhidden) in zip(shown, parts, strict=True)
    ]


def visible_shares(shown: Sequence[Sight], count: int) -> list[Mapping[int, float]]:
    """For each of `count` frames, the share of every vehicle seen in it that is in the picture and
    that nothing hides, by its id: what `truth_document` asks for.
    """
    found: list[dict[int, float]] = [{} for _ in range(count)]
    for sight in shown:
        for frame, share in zip(sight.frames.tolist(), sight.visible.tolist(), strict=True):
            found[frame][sight.vehicle.id] = share
    return list(found)


@dataclass(frozen=True, eq=False)
class _Outline:
    """Something's projection in the frames (T,) that show some of it.

    shape_px (T, K, 2): points whose convex hull is nearly its shape, NaN behind the camera.
    box_px (T, 4), cut at the picture's edges, with the share inside (T,) of the uncut one;
    depth_m (T,): of the nearest point.
    """

    frames: NDArray[np.int64]
    shape_px: Array
    box_px: Array
    inside: Array
    depth_m: Array

    def points_px(self, row: int) -> Array:
        """The points (K, 2) of its shape at one of its rows."""
        points = self.shape_px[row]
        ahead = points[~np.isnan(points[:, 0])]
        return ahead if len(ahead) > 1 else np.repeat(ahead, 2, axis=0)


class _Mount:
    """The camera of a world, turned as it is at each frame."""

    def __init__(self, world: World) -> None:
        self._t_s = world.timing.t_s
        self._still = world.camera
        self._turned = (
            None if world.sway is None else [world.camera_at(float(t)) for t in self._t_s]
        )

    def vehicle(self, vehicle: Vehicle) -> _Outline | None:
        """A vehicle's projection, None if it is never in the picture."""
        return self._outline(vehicle.body, vehicle.course)

    def pole(self, pole: Pole) -> _Outline | None:
        """A pole's projection, None if it is never in the picture."""
        half_m, z = pole.width_m / 2.0, pole.height_m
        corners_m = [
            (x, y, h) for x in (-half_m, half_m) for y in (-half_m, half_m) for h in (0, z)
        ]
        width_m, outline_m = pole.width_m, np.array(corners_m, float)
        body = Body("pole", RoadUser.PERSON, width_m, width_m, z, outline_m, np.zeros((1, 2)))
        t_s = self._t_s[[0, -1]] + np.array([-1.0, 1.0])
        foot_m = np.array([pole.foot_m] * 2, float)
        return self._outline(body, Course(t_s, foot_m, np.zeros((2, 2)), np.zeros(2)))

    def end(self, vehicle: Vehicle, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which end of a vehicle is nearest the camera (T,)."""
        poses = vehicle.course.poses(self._t_s[frames])
        away = poses.middle_m - np.asarray(self._still.position_m)[:2]
        away = away / np.linalg.norm(away, axis=1)[:, None]
        cosine = away[:, 0] * np.sin(poses.heading_rad) + away[:, 1] * np.cos(poses.heading_rad)
        return np.select([cosine < -END_ON, cosine > END_ON], [0, 1], 2)

    def _outline(self, body: Body, course: Course) -> _Outline | None:
        frames = np.flatnonzero(course.present(self._t_s))
        if len(frames) == 0:
            return None
        boxes = exact_box_px(body, course.poses(self._t_s[frames]), self._at(frames))
        with np.errstate(invalid="ignore"):
            large = (boxes.xyxy_px[:, 2:] - boxes.xyxy_px[:, :2]).min(axis=1) >= SMALLEST_PX
        keep = np.flatnonzero(boxes.seen & large)
        if len(keep) == 0:
            return None
        frames = frames[keep]
        shape_px, depth_m = self._shape(body, course, frames)
        box_px = np.asarray(boxes.xyxy_px[keep], float)
        return _Outline(frames, shape_px, box_px, np.asarray(boxes.inside[keep], float), depth_m)

    def _at(self, frames: NDArray[np.int64]) -> Camera | list[Camera]:
        return self._still if self._turned is None else [self._turned[i] for i in frames]

    def _shape(self, body: Body, course: Course, frames: NDArray[np.int64]) -> tuple[Array, Array]:
        world_m = course.poses(self._t_s[frames]).to_world_m(_shape_m(body))
        if self._turned is None:
            seen_m = self._still.to_camera_m(world_m)
        else:
            turns = np.stack([self._turned[i].rotation for i in frames])
            seen_m = np.einsum("tij,tkj->tki", turns, world_m - np.array(self._still.position_m))
        ahead = seen_m[..., 2] > NEAREST_DEPTH_M
        points_px = np.full((*ahead.shape, 2), np.nan)
        points_px[ahead] = self._still.from_camera_px(seen_m[ahead])
        return points_px, np.where(ahead, seen_m[..., 2], np.inf).min(axis=1)


def _shape_m(body: Body) -> Floats:
    """The points (K, 3) that nearly give a body's shape."""
    outline_m = np.ascontiguousarray(body.outline_m, float)
    return outline_m[list(_farthest(outline_m.tobytes(), _DIRECTIONS))]


@cache
def _farthest(points: bytes, count: int) -> tuple[int, ...]:
    """Which of points (N, 3) lie farthest out in directions spread over the sphere (Fibonacci)."""
    points_m = np.frombuffer(points).reshape(-1, 3)
    z = np.linspace(-1.0, 1.0, count)
    turn = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(count)
    level = np.sqrt(1.0 - z**2)
    directions = np.stack([level * np.cos(turn), level * np.sin(turn), z], axis=1)
    return tuple(np.unique((directions @ points_m.T).argmax(axis=1)).tolist())


# -- who hides whom ---------------------------------------------------------------------------


def _visible_parts(
    vehicles: Sequence[_Outline], poles: Sequence[_Outline]
) -> list[tuple[Array, Array]]:
    """For each vehicle the box of what is seen of it (T, 4) and its share (T,)."""
    parts = [(outline.box_px.copy(), np.ones(len(outline.frames))) for outline in vehicles]
    if not vehicles:
        return parts
    flat = _Flat.of([*vehicles, *poles])
    hidden, nearer = flat.overlaps(sum(len(o.frames) for o in vehicles))
    if len(hidden) == 0:
        return parts
    needed = np.unique(np.concatenate([hidden, nearer]))
    hulls = dict(zip(needed.tolist(), flat.hulls(needed), strict=True))
    rows, first = np.unique(hidden, return_index=True)
    for row, hiders in zip(rows.tolist(), np.split(nearer, first[1:]), strict=True):
        seen_px, unhidden = parts[flat.owner[row]]
        at = flat.row[row]
        before = [hulls[hider] for hider in hiders.tolist()]
        seen_px[at], unhidden[at] = _left_over(hulls[row], flat.box_px[row], before)
    return parts


@dataclass(frozen=True, eq=False)
class _Flat:
    """All outlines in all their frames, a row (M,) each: whose, and which of its rows."""

    outlines: Sequence[_Outline]
    owner: NDArray[np.int64]
    row: NDArray[np.int64]
    frame: NDArray[np.int64]
    box_px: Array
    depth_m: Array

    @classmethod
    def of(cls, outlines: Sequence[_Outline]) -> "_Flat":
        """The rows of outlines, in their order."""
        return cls(
            outlines,
            np.repeat(np.arange(len(outlines)), [len(o.frames) for o in outlines]),
            np.concatenate([np.arange(len(o.frames)) for o in outlines]),
            np.concatenate([o.frames for o in outlines]),
            np.concatenate([o.box_px for o in outlines]),
            np.concatenate([o.depth_m for o in outlines]),
        )

    def overlaps(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of rows (P,), (P,): the second's box lies before that of the first, which is one
        of the first `count`; in the order of the first.
        """
        found = [np.zeros((0, 2), np.int64)]
        by_frame = np.argsort(self.frame, kind="stable")
        for here in np.split(by_frame, np.flatnonzero(np.diff(self.frame[by_frame])) + 1):
            if len(here) < 2:
                continue
            box_px, depth_m = self.box_px[here], self.depth_m[here]
            low = np.maximum(box_px[:, None, :2], box_px[None, :, :2])
            high = np.minimum(box_px[:, None, 2:], box_px[None, :, 2:])
            shared = np.clip(high - low, 0.0, None).prod(axis=2)
            size = (box_px[:, 2:] - box_px[:, :2]).prod(axis=1)
            before = (shared > _LEAST_HIDDEN * size[:, None]) & (depth_m < depth_m[:, None])
            found.append(here[np.argwhere(before)])
        pairs = np.concatenate(found)
        pairs = pairs[pairs[:, 0] < count]
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        return pairs[:, 0], pairs[:, 1]

    def hulls(self, rows: NDArray[np.int64]) -> Sequence[shapely.Geometry]:
        """The convex outlines of rows (N,)."""
        if len(rows) == 0:
            return ()
        points = [self.outlines[self.owner[r]].points_px(int(self.row[r])) for r in rows]
        index = np.repeat(np.arange(len(points)), [len(p) for p in points])
        lines = shapely.linestrings(np.concatenate(points), indices=index)
        return list(np.asarray(shapely.convex_hull(lines)))


def _left_over(
    hull: shapely.Geometry, box_px: Array, nearer: Sequence[shapely.Geometry]
) -> tuple[Array, float]:
    """The box of what nearer outlines leave of one, and its share of what is in the picture."""
    inside = shapely.intersection(hull, shapely.box(*box_px))
    left = shapely.difference(inside, shapely.union_all(nearer))
    share = float(left.area / inside.area) if inside.area > 0.0 else 0.0
    if share > 1.0 - _LEAST_HIDDEN:
        return box_px, share
    strip_px = STRIP_SHARE * float(box_px[3] - box_px[1])
    solid = left.buffer(-strip_px, join_style="mitre").buffer(strip_px, join_style="mitre")
    if solid.is_empty:
        return box_px, share
    return np.clip(np.array(solid.bounds), box_px[[0, 1, 0, 1]], box_px[[2, 3, 2, 3]]), share
