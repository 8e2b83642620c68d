"""Vehicles followed in time: this frame's tracks and each track's bounded history."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser

HISTORY_LIMIT = 2048
# Columns of a history: time, box, ground point, its covariance row by row, observed, grounded.
_BOX, _GROUND, _COV = slice(1, 5), slice(5, 7), slice(7, 11)
_OBSERVED, _GROUNDED, _WIDTH = 11, 12, 13


def _bottom_middles(boxes: Array) -> Array:
    middles = np.empty((len(boxes), 2))
    middles[:, 0] = (boxes[:, 0] + boxes[:, 2]) / 2.0
    middles[:, 1] = boxes[:, 3]
    return middles


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

    `road_user` is the class with most votes of all observed points, weighted by confidence; a
    person only if it is not called a vehicle more often, as riders are by turns. At most
    HISTORY_LIMIT points are kept; the older half is dropped when they are exceeded, `first_t_s` and
    `observed_count` stay true for the whole track.
    """

    __slots__ = (
        "_n",
        "_points",
        "_votes",
        "first_t_s",
        "observed_count",
        "road_user",
        "track_id",
    )

    def __init__(self, track_id: int, first_t_s: float) -> None:
        self.track_id = track_id
        self.first_t_s = first_t_s
        self.observed_count = 0
        self.road_user = RoadUser(0)
        self._votes = [0.0] * len(RoadUser)
        self._n = 0
        self._points = np.empty((64, _WIDTH))

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
        row = np.full(_WIDTH, np.nan)
        row[0], row[_BOX] = t_s, xyxy_px
        if ground_m is not None:
            row[_GROUND] = ground_m
        if ground_cov_m2 is not None:
            row[_COV] = np.ravel(ground_cov_m2)
        row[_OBSERVED], row[_GROUNDED] = observed, grounded
        self._append(t_s, row, observed)

    def _append(self, t_s: float, row: Array, observed: bool) -> None:
        n, points = self._n, self._points
        if n and t_s <= points[n - 1, 0]:
            raise ValueError(f"time must advance: {t_s} after {points[n - 1, 0]}")
        if n == len(points):
            self._make_room()
            n, points = self._n, self._points
        points[n] = row
        self._n = n + 1
        self.observed_count += observed

    def _make_room(self) -> None:
        n = self._n
        keep = n // 2 if n >= HISTORY_LIMIT else n
        kept = self._points[n - keep : n]
        self._points = np.empty((min(2 * n, HISTORY_LIMIT), _WIDTH))
        self._points[:keep] = kept
        self._n = keep

    def vote(self, road_user: int, confidence: float) -> None:
        """Count an observed class."""
        self.count(road_user, confidence)
        self.elect()

    def count(self, road_user: int, confidence: float) -> None:
        """Count an observed class; `elect` is called before anybody asks which one leads."""
        self._votes[road_user] += confidence

    def elect(self) -> RoadUser:
        """The class that leads by the votes counted, as `road_user` says from now on."""
        on_foot, *driven = self._votes
        walks = on_foot >= sum(driven)
        self.road_user = RoadUser.PERSON if walks else RoadUser(1 + driven.index(max(driven)))
        return self.road_user

    @property
    def votes(self) -> tuple[float, ...]:
        """What was voted for each class, in their order."""
        return tuple(self._votes)

    def recall(self, votes: Sequence[float]) -> None:
        """Take over the votes of a recorded track; its class stays."""
        self._votes = list(votes)

    def __len__(self) -> int:
        return self._n

    @property
    def t_s(self) -> Array:
        """(N,) seconds."""
        return self._points[: self._n, 0]

    @property
    def xyxy_px(self) -> Array:
        """(N, 4) boxes."""
        return self._points[: self._n, _BOX]

    @property
    def anchor_px(self) -> Array:
        """(N, 2) middles of the boxes' bottom edges."""
        return _bottom_middles(self.xyxy_px)

    @property
    def ground_m(self) -> Array:
        """(N, 2) on the road plane, NaN outside the calibrated area."""
        return self._points[: self._n, _GROUND]

    @property
    def ground_cov_m2(self) -> Array:
        """(N, 2, 2)."""
        return self._points[: self._n, _COV].reshape(-1, 2, 2)

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(N,)."""
        return np.asarray(self._points[: self._n, _OBSERVED] > 0.0)

    @property
    def grounded(self) -> NDArray[np.bool_]:
        """(N,)."""
        return np.asarray(self._points[: self._n, _GROUNDED] > 0.0)

    def point(self, index: int) -> TrackPoint:
        """The point at a position (negative counts from the end)."""
        row = self._points[range(self._n)[index]].tolist()
        t_s, x0, y0, x1, y1, x_m, y_m, xx, xy, yx, yy, observed, grounded = row
        known = not math.isnan(x_m)
        return TrackPoint(
            t_s=t_s,
            xyxy_px=(x0, y0, x1, y1),
            anchor_px=((x0 + x1) / 2.0, y1),
            ground_m=(x_m, y_m) if known else None,
            ground_cov_m2=((xx, xy), (yx, yy)) if known else None,
            observed=observed > 0.0,
            grounded=grounded > 0.0,
        )

    def points(self, start_s: float = -np.inf, end_s: float = np.inf) -> Iterator[TrackPoint]:
        """The points within [start_s, end_s]."""
        first = int(np.searchsorted(self.t_s, start_s, "left"))
        last = int(np.searchsorted(self.t_s, end_s, "right"))
        return (self.point(i) for i in range(first, last))


def append_points(
    tracks: Sequence[Track],
    t_s: float,
    xyxy_px: Array,
    ground_m: Array,
    ground_cov_m2: Array,
    observed: NDArray[np.bool_],
    grounded: NDArray[np.bool_],
) -> None:
    """`Track.append` for N tracks at one moment, all arguments as arrays over the tracks."""
    rows = np.empty((len(tracks), _WIDTH))
    rows[:, 0], rows[:, _BOX], rows[:, _GROUND] = t_s, xyxy_px, ground_m
    rows[:, _COV] = ground_cov_m2.reshape(-1, 4)
    rows[:, _OBSERVED], rows[:, _GROUNDED] = observed, grounded
    for track, row, seen in zip(tracks, rows, observed.tolist(), strict=True):
        track._append(t_s, row, seen)


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
        return _bottom_middles(self.xyxy_px)

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
