"""Which lane a vehicle is in, and how far along it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography, Polygons
from traffic_ai.core.road_user import VEHICLES, RoadUser
from traffic_ai.core.scene import Lane, Scene


def is_judged(lane: Lane, road_user: RoadUser) -> bool:
    """Whether the lane's rules speak of this class; pedestrians never."""
    return road_user in (VEHICLES if lane.classes is None else lane.classes)


def lane_of_points(lanes: Sequence[Lane], points_px: Array) -> Lane | None:
    """The lane that holds most of the image points (N, 2), None if none holds any."""
    return LaneAreas(lanes).of_points(points_px)


class LaneAreas:
    """Some lanes, to be asked many times which of them holds a vehicle's way."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = tuple(lanes)
        self._areas = Polygons([lane.polygon_px for lane in lanes])

    def of_points(self, points_px: Array) -> Lane | None:
        """The lane that holds most of the image points (N, 2), None if none holds any."""
        if not self._lanes:
            return None
        counts = self._areas.holds(points_px).sum(axis=0)
        most = int(np.argmax(counts))
        return self._lanes[most] if counts[most] > 0 else None


class LaneAxis:
    """A lane's centre line as a measure of progress, in metres where the road plane is known.

    Progress grows in the direction of travel. `length` is that of the centre line, metres or
    pixels as `in_metres` says.
    """

    def __init__(self, lane: Lane, homography: Homography | None) -> None:
        line = lane.centre_line_px
        self.in_metres = False
        if homography is not None:
            ground = homography.to_ground(line)
            if not np.isnan(ground).any():
                line, self.in_metres = ground, True
        self.pieces = _Pieces.of(line)
        self.length = float(self.pieces.length.sum())

    def progress(self, points: Array) -> Array:
        """Progress (N,) of points (N, 2) in the axis's plane.

        The first and last piece go on as straight lines beyond the ends.
        """
        return self.pieces.nearest(points)[0]

    def directions(self, points: Array) -> Array:
        """Unit direction of travel (N, 2) at points (N, 2)."""
        return self.pieces.nearest(points)[1]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The straight pieces of A axes.

    start (A, K, 2), direction (A, K, 2), length (A, K), progress at the start (A, K), and the
    bounds low and high (A, K) of the way along a piece. A piece that only fills up is far away.
    """

    start: Array
    direction: Array
    length: Array
    before: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, line: Array) -> "_Pieces":
        steps = np.diff(line, axis=0)
        length = np.linalg.norm(steps, axis=1)
        low, high = np.zeros(len(length)), length.copy()
        low[0], high[-1] = -np.inf, np.inf
        before = np.concatenate([[0.0], np.cumsum(length)[:-1]])
        values = (line[:-1], steps / length[:, None], length, before, low, high)
        return cls(*(value[None] for value in values))

    @classmethod
    def padded(cls, axes: "Sequence[LaneAxis]") -> "_Pieces":
        most = max((axis.pieces.length.shape[1] for axis in axes), default=1)
        far_away = 1e12

        def column(name: str) -> Array:
            rows = [getattr(axis.pieces, name)[0] for axis in axes]
            shape = (len(rows), most, *(rows[0].shape[1:] if rows else (2,)))
            out = np.full(shape, far_away if name == "start" else 0.0)
            for target, row in zip(out, rows, strict=True):
                target[: len(row)] = row
            return out

        return cls(*(column(f.name) for f in fields(cls)))

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """Along one axis: progress (N,) of points (N, 2), and the direction (N, 2) of the piece
        nearest to each.
        """
        offset = points[:, None, :] - self.start
        local = (offset * self.direction).sum(axis=2)
        local = np.minimum(np.maximum(local, self.low), self.high)
        away = offset - local[:, :, None] * self.direction
        piece = np.argmin((away * away).sum(axis=2), axis=1)
        rows = np.arange(len(points))
        return self.before[0, piece] + local[rows, piece], self.direction[0, piece]


class LaneMap:
    """A scene's lanes with their axes, to be asked about many points at once."""

    def __init__(self, scene: Scene) -> None:
        self.axes = {lane.id: LaneAxis(lane, scene.homography) for lane in scene.lanes}
        self.in_metres = np.array([axis.in_metres for axis in self.axes.values()], bool)
        self._areas = Polygons([lane.polygon_px for lane in scene.lanes])
        pieces = _Pieces.padded(list(self.axes.values()))
        # By coordinate, lane and piece.
        place = (*pieces.start.transpose(2, 0, 1), *pieces.direction.transpose(2, 0, 1))
        self._pieces = np.array([*place, pieces.low, pieces.high, pieces.before])

    def holds(self, points_px: Array) -> NDArray[np.bool_]:
        """Which image points (N, 2) lie in which lanes, (N, L)."""
        return self._areas.holds(points_px)

    def progress(self, lane: NDArray[np.int64], points: Array) -> Array:
        """Progress (P,) along the lanes at positions `lane` (P,) of points (P, 2), each in the
        plane of its lane's axis.
        """
        start_x, start_y, way_x, way_y, low, high, before = self._pieces[:, lane]
        x, y = points[:, :1] - start_x, points[:, 1:] - start_y
        local = np.minimum(np.maximum(x * way_x + y * way_y, low), high)
        if local.shape[1] == 1:
            return np.asarray((before + local)[:, 0])
        away_x, away_y = x - local * way_x, y - local * way_y
        nearest = np.argmin(away_x * away_x + away_y * away_y, axis=1)[:, None]
        return np.asarray(np.take_along_axis(before + local, nearest, axis=1)[:, 0])
