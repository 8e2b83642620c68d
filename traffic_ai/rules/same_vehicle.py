"""The vehicles reported so far, to know one again under another track.

Used by the rules of wrong way and speeding, and for riders by red light. A track may break and
begin anew; two tracks may be on one vehicle; or the reported track went over to another vehicle
and a third one carries on. Two vehicles that are both seen where they ought to be are two, however
near to each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track
from traffic_ai.rules.even_motion import Stretch
from traffic_ai.rules.lanes import LaneAxis

# A track that begins this soon after a reported one was lost may be the same vehicle.
_SAME_VEHICLE_S = 3.0
_LAST_MOTION_S = 1.0
# How far from where it is expected: of the way since, and of the lane's length.
_WAY_SHARE, _LANE_SHARE = 0.25, 0.1
# Two tracks on one vehicle: this share of the smaller box lies in the other, mostly.
_ON_ONE_SHARE = 0.5
_LEAST_COMMON = 3
# On the road plane: how far from where it is expected, of that the share of the way since; and how
# much of the time the other track may still be seen.
_MISS_M, _MISS_SHARE = 3.0, 0.1
_STILL_SHARE = 0.2
_NOW_S = 0.2


@dataclass(frozen=True, slots=True)
class _Motion:
    """Where a vehicle was along its lane at a moment, and its speed along it."""

    t_s: float
    progress: float
    speed: float

    def expected(self, t_s: float) -> float:
        return self.progress + self.speed * (t_s - self.t_s)

    def slack(self, t_s: float, lane_length: float) -> float:
        return _WAY_SHARE * abs(self.speed) * (t_s - self.t_s) + _LANE_SHARE * lane_length


@dataclass(frozen=True, slots=True)
class _Reported:
    """A reported vehicle: its track, which goes on, the lane, and its motion when reported."""

    track: Track
    lane_id: str
    motion: _Motion


class ReportedVehicles:
    """Remembers reported vehicles for so long after their tracks' last points."""

    def __init__(self, remembered_s: float) -> None:
        self._remembered_s = remembered_s
        self._reported: list[_Reported] = []

    def add(self, track: Track, lane_id: str, way: Stretch) -> None:
        """Remember a track whose way was reported."""
        speed = -way.against / max(way.duration_s, 1e-9)
        motion = _Motion(float(way.t_s[-1]), float(way.progress[-1]), speed)
        self._reported.append(_Reported(track, lane_id, motion))

    def forget(self, now_s: float) -> None:
        """Drop what is too long ago."""
        self._reported = [
            r for r in self._reported if now_s - float(r.track.t_s[-1]) <= self._remembered_s
        ]

    def know(self, track: Track, lane_id: str, axis: LaneAxis, way: Stretch) -> bool:
        """Whether the way of a track is one that was reported, or goes on where one was lost."""
        start_s, end_s = float(way.t_s[0]), float(way.t_s[-1])
        return any(
            on_one(reported.track, track, start_s, end_s)
            or carries_on(reported.track, track, start_s, end_s)
            or (reported.lane_id == lane_id and _goes_on(reported, axis, way))
            for reported in self._reported
            if reported.track is not track
        )


def on_one(one: Track, other: Track, start_s: float, end_s: float) -> bool:
    """Whether both tracks were on one vehicle in [start_s, end_s]."""
    t_s, a, b = np.intersect1d(one.t_s, other.t_s, return_indices=True)
    during = (t_s >= start_s) & (t_s <= end_s)
    if during.sum() < _LEAST_COMMON:
        return False
    share = share_inside(one.xyxy_px[a[during]], other.xyxy_px[b[during]])
    return bool(np.median(share) >= _ON_ONE_SHARE)


def carries_on(lost: Track, other: Track, start_s: float, end_s: float) -> bool:
    """Whether in [start_s, end_s] a track is on the vehicle that another one was on before.

    It is where that one's motion on the road plane leads, and that one is hardly seen any more.
    """
    if not float(lost.t_s[0]) < start_s <= float(lost.t_s[-1]) + _SAME_VEHICLE_S:
        return False
    seen_s, places_m = _path(other, start_s, end_s)
    still_seen = _path(lost, start_s, end_s)[0]
    if len(seen_s) < _LEAST_COMMON or len(still_seen) > _STILL_SHARE * len(seen_s):
        return False
    last_s, path_m = _path(lost, -np.inf, start_s)
    if len(last_s) < _LEAST_COMMON or start_s - last_s[-1] > _SAME_VEHICLE_S:
        return False
    recent = last_s >= last_s[-1] - _LAST_MOTION_S
    if recent.sum() < _LEAST_COMMON:
        return False
    velocity, place = np.polyfit(last_s[recent] - last_s[-1], path_m[recent], 1)
    first = seen_s <= seen_s[0] + _LAST_MOTION_S / 2.0
    since_s = (seen_s[first] - last_s[-1])[:, None]
    miss_m = np.linalg.norm(places_m[first] - place - velocity * since_s, axis=1)
    way_m = float(np.linalg.norm(velocity)) * float(np.median(since_s))
    return bool(np.median(miss_m) <= _MISS_M + _MISS_SHARE * way_m)


def _path(track: Track, start_s: float, end_s: float) -> tuple[Array, Array]:
    """Times (N,) in [start_s, end_s) and places (N, 2) where a track touched the road."""
    known = track.observed & track.grounded & ~np.isnan(track.ground_m[:, 0])
    known &= (track.t_s >= start_s) & (track.t_s < end_s)
    return track.t_s[known], track.ground_m[known]


def _goes_on(reported: _Reported, axis: LaneAxis, way: Stretch) -> bool:
    """Whether the way begins where the reported vehicle must be, and its own track is not."""
    start_s, start = float(way.t_s[0]), float(way.progress[0])
    for motion in (reported.motion, _last_motion(reported.track, axis, start_s)):
        if motion is None or not 0.0 <= start_s - motion.t_s <= _SAME_VEHICLE_S:
            continue
        slack = motion.slack(start_s, axis.length)
        expected = motion.expected(start_s)
        if abs(start - expected) > slack:
            continue
        own = _progress_at(reported.track, axis, start_s)
        if own is None or abs(own - expected) > slack:
            return True
    return False


def _last_motion(track: Track, axis: LaneAxis, before_s: float) -> _Motion | None:
    """The motion against the direction that a track ended with before a moment."""
    t_s, progress = _places(track, axis)
    if len(t_s) < 2 or t_s[-1] >= before_s:
        return None
    recent = t_s >= t_s[-1] - _LAST_MOTION_S
    if recent.sum() < 2:
        return None
    speed = float(np.polyfit(t_s[recent] - t_s[-1], progress[recent], 1)[0])
    return _Motion(float(t_s[-1]), float(progress[-1]), speed)


def _progress_at(track: Track, axis: LaneAxis, t_s: float) -> float | None:
    """Where a track was seen at about a moment; None where it was not seen."""
    times, progress = _places(track, axis)
    if not len(times):
        return None
    nearest = int(np.argmin(np.abs(times - t_s)))
    return float(progress[nearest]) if abs(times[nearest] - t_s) <= _NOW_S else None


def _places(track: Track, axis: LaneAxis) -> tuple[Array, Array]:
    """Times (N,) and progress (N,) of a track's grounded points."""
    points = track.ground_m if axis.in_metres else track.anchor_px
    known = track.grounded & ~np.isnan(points[:, 0])
    return track.t_s[known], axis.progress(points[known])


def share_inside(a: Array, b: Array) -> Array:
    """How much of the smaller of boxes (N, 4) lies in the other, (N,)."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    inner = np.clip(high - low, 0.0, None).prod(axis=1)
    sizes: Sequence[Array] = [(box[:, 2:] - box[:, :2]).prod(axis=1) for box in (a, b)]
    return np.asarray(inner / np.maximum(np.minimum(*sizes), 1e-9))
