"""Vehicles followed in time: this frame's tracks and each track's bounded history."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser

HISTORY_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """A track at one moment.

    xyxy_px: box; anchor_px: middle of its bottom edge; ground_m and ground_cov_m2: the anchor on
    the road plane and its covariance, None outside the calibrated area. `observed`: a detection
    of an undamaged frame, not a prediction. `grounded`: observed, and the bottom edge is where
    the vehicle meets the road as far as can be told, so not cut off by the picture's border and
    not covered by a nearer vehicle.
    """

    t_s: float
    xyxy_px: tuple[float, float, float, float]
    anchor_px: tuple[float, float]
    ground_m: tuple[float, float] | None
    ground_cov_m2: tuple[tuple[float, float], tuple[float, float]] | None
    observed: bool
    grounded: bool


class Track:
    """The history of one vehicle, as arrays, oldest first.

    `road_user` is voted over all observed points, weighted by confidence. At most HISTORY_LIMIT
    points are kept; the older half is dropped when they are exceeded, `first_t_s` and
    `observed_count` stay true for the whole track.
    """

    __slots__ = (
        "_cov",
        "_flags",
        "_ground",
        "_n",
        "_t",
        "_votes",
        "_xyxy",
        "first_t_s",
        "observed_count",
        "track_id",
    )

    def __init__(self, track_id: int, first_t_s: float) -> None:
        self.track_id = track_id
        self.first_t_s = first_t_s
        self.observed_count = 0
        self._votes = np.zeros(len(RoadUser))
        self._n = 0
        self._allocate(64)

    def _allocate(self, capacity: int) -> None:
        self._t = np.empty(capacity)
        self._xyxy = np.empty((capacity, 4))
        self._ground = np.empty((capacity, 2))
        self._cov = np.empty((capacity, 2, 2))
        self._flags = np.empty((capacity, 2), bool)

    def append(
        self,
        t_s: float,
        xyxy_px: NDArray[np.floating],
        ground_m: Array | None,
        ground_cov_m2: Array | None,
        observed: bool,
        grounded: bool,
    ) -> None:
        """Add the point of a later moment; raises ValueError if time does not advance."""
        if self._n and t_s <= self._t[self._n - 1]:
            raise ValueError(f"time must advance: {t_s} after {self._t[self._n - 1]}")
        if self._n == len(self._t):
            self._make_room()
        i = self._n
        self._t[i] = t_s
        self._xyxy[i] = xyxy_px
        self._ground[i] = np.nan if ground_m is None else ground_m
        self._cov[i] = np.nan if ground_cov_m2 is None else ground_cov_m2
        self._flags[i] = (observed, grounded)
        self._n += 1
        self.observed_count += observed

    def _make_room(self) -> None:
        n = self._n
        keep = n // 2 if n >= HISTORY_LIMIT else n
        old = (self._t, self._xyxy, self._ground, self._cov, self._flags)
        self._allocate(min(2 * n, HISTORY_LIMIT))
        new = (self._t, self._xyxy, self._ground, self._cov, self._flags)
        for target, source in zip(new, old, strict=True):
            target[:keep] = source[n - keep : n]
        self._n = keep

    def vote(self, road_user: int, confidence: float) -> None:
        """Count an observed class."""
        self._votes[road_user] += confidence

    @property
    def road_user(self) -> RoadUser:
        """The class with most votes."""
        return RoadUser(int(np.argmax(self._votes)))

    def __len__(self) -> int:
        return self._n

    @property
    def t_s(self) -> Array:
        """(N,) seconds."""
        return self._t[: self._n]

    @property
    def xyxy_px(self) -> Array:
        """(N, 4) boxes."""
        return self._xyxy[: self._n]

    @property
    def anchor_px(self) -> Array:
        """(N, 2) middles of the boxes' bottom edges."""
        box = self._xyxy[: self._n]
        return np.column_stack([(box[:, 0] + box[:, 2]) / 2.0, box[:, 3]])

    @property
    def ground_m(self) -> Array:
        """(N, 2) on the road plane, NaN outside the calibrated area."""
        return self._ground[: self._n]

    @property
    def ground_cov_m2(self) -> Array:
        """(N, 2, 2)."""
        return self._cov[: self._n]

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(N,)."""
        return self._flags[: self._n, 0]

    @property
    def grounded(self) -> NDArray[np.bool_]:
        """(N,)."""
        return self._flags[: self._n, 1]

    def point(self, index: int) -> TrackPoint:
        """The point at a position (negative counts from the end)."""
        i = range(self._n)[index]
        box = tuple(float(v) for v in self._xyxy[i])
        ground, cov = self._ground[i], self._cov[i]
        known = not np.isnan(ground[0])
        return TrackPoint(
            t_s=float(self._t[i]),
            xyxy_px=(box[0], box[1], box[2], box[3]),
            anchor_px=((box[0] + box[2]) / 2.0, box[3]),
            ground_m=(float(ground[0]), float(ground[1])) if known else None,
            ground_cov_m2=(
                ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[1, 0]), float(cov[1, 1])))
                if known
                else None
            ),
            observed=bool(self._flags[i, 0]),
            grounded=bool(self._flags[i, 1]),
        )

    def points(self, start_s: float = -np.inf, end_s: float = np.inf) -> Iterator[TrackPoint]:
        """The points within [start_s, end_s]."""
        first = int(np.searchsorted(self.t_s, start_s, "left"))
        last = int(np.searchsorted(self.t_s, end_s, "right"))
        return (self.point(i) for i in range(first, last))


@dataclass(frozen=True, slots=True)
class Tracks:
    """This frame's confirmed tracks.

    track_id int64 (N,); xyxy_px float64 (N, 4); class_id int64 (N,), voted; ground_m float64
    (N, 2), NaN outside the calibrated area; observed, grounded bool (N,) as in TrackPoint.
    `ended`: ids that end with this frame; their histories are still readable in this
    observation and in none after it, so everyone drops their state now.
    """

    track_id: NDArray[np.int64]
    xyxy_px: Array
    class_id: NDArray[np.int64]
    ground_m: Array
    observed: NDArray[np.bool_]
    grounded: NDArray[np.bool_]
    ended: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.track_id)

    @property
    def anchor_px(self) -> Array:
        """(N, 2) middles of the boxes' bottom edges."""
        return np.column_stack(
            [(self.xyxy_px[:, 0] + self.xyxy_px[:, 2]) / 2.0, self.xyxy_px[:, 3]]
        )

    @classmethod
    def empty(cls, ended: tuple[int, ...] = ()) -> "Tracks":
        """No tracks."""
        return cls(
            np.zeros(0, np.int64),
            np.zeros((0, 4)),
            np.zeros(0, np.int64),
            np.zeros((0, 2)),
            np.zeros(0, bool),
            np.zeros(0, bool),
            ended,
        )
