"""Which true vehicle a track's boxes lie on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track, TrackPoint
from traffic_ai.evaluate.truth import Truth

# Detectors see part of a half hidden vehicle, truth boxes hold all of it.
LEAST_OVERLAP = 0.25
# Of vehicles one behind the other, those whose boxes fit nearly as well as the best may be meant.
NEARLY_BEST = 0.8


@dataclass(frozen=True, slots=True)
class BoxPath:
    """Observed boxes of one track: t_s (N,) and xyxy_px (N, 4)."""

    t_s: Array
    xyxy_px: Array

    @classmethod
    def of_points(cls, points: Sequence[TrackPoint]) -> "BoxPath":
        """The observed points of a trajectory."""
        seen = [point for point in points if point.observed]
        boxes = np.array([point.xyxy_px for point in seen], float).reshape(-1, 4)
        return cls(np.array([point.t_s for point in seen], float), boxes)

    @classmethod
    def of_track(cls, track: Track) -> "BoxPath":
        """The observed points of a track, copied."""
        return cls(track.t_s[track.observed], track.xyxy_px[track.observed])

    def within(self, start_s: float, end_s: float) -> "BoxPath":
        """The points within [start_s, end_s]."""
        inside = (self.t_s >= start_s) & (self.t_s <= end_s)
        return BoxPath(self.t_s[inside], self.xyxy_px[inside])

    def box_at(self, t_s: float) -> Array | None:
        """The box (4,) nearest to a moment, None without points."""
        if len(self.t_s) == 0:
            return None
        return np.asarray(self.xyxy_px[np.argmin(np.abs(self.t_s - t_s))])


def overlap(a_px: Array, b_px: Array) -> Array:
    """Intersection over union (N,) of boxes (N, 4) pair by pair; 0 where one is NaN."""
    low = np.maximum(a_px[:, :2], b_px[:, :2])
    high = np.minimum(a_px[:, 2:], b_px[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    area_a = np.prod(a_px[:, 2:] - a_px[:, :2], axis=1)
    area_b = np.prod(b_px[:, 2:] - b_px[:, :2], axis=1)
    union = area_a + area_b - shared
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(np.where(union > 0.0, shared / union, 0.0)))


def overlaps(path: BoxPath, truth: Truth) -> dict[int, float]:
    """Mean overlap of a track with the true vehicles it lies on, by vehicle id, best first."""
    if len(path.t_s) == 0 or len(truth.stamp_s) < 2:
        return {}
    frames = truth.frames_at(path.t_s)
    found = {}
    for vehicle in truth.near(frames, path.xyxy_px):
        mean = float(overlap(path.xyxy_px, vehicle.boxes_at(frames)).mean())
        if mean >= LEAST_OVERLAP:
            found[vehicle.id] = mean
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def candidates(path: BoxPath, truth: Truth) -> dict[int, float]:
    """The vehicles a track may be of: the one it lies on best, and those nearly as good."""
    found = overlaps(path, truth)
    best = max(found.values(), default=0.0)
    return {vehicle: share for vehicle, share in found.items() if share >= NEARLY_BEST * best}
