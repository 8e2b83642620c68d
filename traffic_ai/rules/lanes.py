"""Which lane a vehicle is in, and how far along it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import VEHICLES, RoadUser
from traffic_ai.core.scene import Lane, Scene


def is_judged(lane: Lane, road_user: RoadUser) -> bool:
    """Whether the lane's rules speak of this class; pedestrians never."""
    return road_user in (VEHICLES if lane.classes is None else lane.classes)


def lane_of_points(lanes: Sequence[Lane], points_px: Array) -> Lane | None:
    """The lane that holds most of the image points (N, 2), None if none holds any."""
    best: Lane | None = None
    most = 0
    for lane in lanes:
        count = int(lane.contains(points_px).sum())
        if count > most:
            best, most = lane, count
    return best


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
        self._points = line
        steps = np.diff(line, axis=0)
        self._step_lengths = np.linalg.norm(steps, axis=1)
        self._directions = steps / self._step_lengths[:, None]
        self._starts = np.concatenate([[0.0], np.cumsum(self._step_lengths)[:-1]])
        self.length = float(self._step_lengths.sum())

    def progress(self, points: Array) -> Array:
        """Progress (N,) of points (N, 2) in the axis's plane.

        The first and last piece go on as straight lines beyond the ends.
        """
        along, _ = self._nearest_piece(points)
        return along

    def directions(self, points: Array) -> Array:
        """Unit direction of travel (N, 2) at points (N, 2)."""
        _, piece = self._nearest_piece(points)
        return np.asarray(self._directions[piece])

    def _nearest_piece(self, points: Array) -> tuple[Array, NDArray[np.int64]]:
        offset = points[:, None, :] - self._points[None, :-1, :]
        local = np.einsum("nkd,kd->nk", offset, self._directions)
        low = np.zeros(len(self._step_lengths))
        high = self._step_lengths.copy()
        low[0], high[-1] = -np.inf, np.inf
        clipped = np.clip(local, low, high)
        foot = self._points[None, :-1] + clipped[:, :, None] * self._directions[None]
        piece = np.argmin(np.linalg.norm(points[:, None] - foot, axis=2), axis=1)
        rows = np.arange(len(points))
        return self._starts[piece] + clipped[rows, piece], piece


class LaneMap:
    """The axes of a scene's lanes."""

    def __init__(self, scene: Scene) -> None:
        self.axes = {lane.id: LaneAxis(lane, scene.homography) for lane in scene.lanes}
