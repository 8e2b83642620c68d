"""Where the seen end of a vehicle is against a stop line, also at points that show it partly.

Used by `passage.py`. What covers a lower edge or cuts it off leaves it too high in the picture, so
an end that is not seen bounds its place on one side: a rear is no farther ahead than it seems, a
front no less far. The other side is told by the upper edge, which belongs to one part of the
vehicle: where that is, the end is a fixed way before or behind it, and the free boxes of the track
say how far. What disagrees with that is another box than the vehicle's, and tells nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.track import Track
from traffic_ai.rules.upper_edge import BORDER_PX, WANDER_PX, edge_sigma_px

# So many free boxes over so long a way tell where the upper edge is, and hold for so long a time.
_LEAST_POINTS, _LEAST_WAY_M, _HOLDS_S = 6, 3.0, 1.5
# What is counted on both sides, in standard deviations; the earliest crossing decides the charge.
_BEHIND_SIGMAS, _AHEAD_SIGMAS = 2.0, 3.0
# Of the upper edge against the road as of a homography's far end: nothing is told beyond.
_FARTHEST_M = 300.0
UNKNOWN = 1e9


@dataclass(frozen=True, slots=True)
class Slack:
    """How far the seen end may be ahead of where it seems, and behind it, at M points; metres.

    at (M,): positions of the points in the track. UNKNOWN where that is not bounded.
    """

    at: NDArray[np.int64]
    ahead_m: Array
    behind_m: Array

    @classmethod
    def none(cls) -> "Slack":
        """No points."""
        return cls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))

    @classmethod
    def joined(cls, parts: Sequence["Slack"]) -> "Slack":
        """All points of several, in time order."""
        at = np.concatenate([part.at for part in parts])
        ahead_m, behind_m = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ahead_m", "behind_m")
        )
        order = np.argsort(at, kind="stable")
        return cls(at[order], ahead_m[order], behind_m[order])

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Slack":
        """The points at a mask or list of positions."""
        return Slack(self.at[index], self.ahead_m[index], self.behind_m[index])


def covered_points(
    track: Track,
    free: NDArray[np.int64],
    homography: Homography | None,
    line: DirectedLine | None,
    *,
    ahead_seen: bool,
) -> Slack:
    """The observed points whose lower edge is not seen and whose upper edge tells the place.

    free: positions of the points that show the whole vehicle. line: on the road plane. ahead_seen:
    the end that is seen is the front.
    """
    hidden = np.flatnonzero(track.observed & ~track.grounded)
    if homography is None or line is None or not len(hidden):
        return Slack.none()
    upper = _ByUpperEdge.of(track, free, homography, line)
    if upper is None:
        return Slack.none()
    place_m, sigma_m = upper.places(track, hidden, homography, line)
    seems_m = line.distance(homography.to_ground(track.anchor_px[hidden]))
    away_m = seems_m - place_m if not ahead_seen else place_m - seems_m
    nearest_s = np.abs(track.t_s[hidden][:, None] - track.t_s[free]).min(axis=1)
    known = (away_m >= -_AHEAD_SIGMAS * sigma_m) & (nearest_s <= _HOLDS_S)
    none = np.zeros(len(hidden))
    if ahead_seen:
        slack = Slack(hidden, np.maximum(away_m + _AHEAD_SIGMAS * sigma_m, 0.0), none)
    else:
        slack = Slack(hidden, none, np.maximum(away_m + _BEHIND_SIGMAS * sigma_m, 0.0))
    return slack.take(known)


@dataclass(frozen=True, slots=True)
class _ByUpperEdge:
    """The place v of the seen end by that of the upper edge u: v = mean_v + slope (u - mean_u)."""

    mean_u: float
    mean_v: float
    slope: float
    weight: float
    spread: float
    variance: float

    @classmethod
    def of(
        cls, track: Track, free: NDArray[np.int64], homography: Homography, line: DirectedLine
    ) -> "_ByUpperEdge | None":
        free = free[track.xyxy_px[free, 1] > BORDER_PX]
        if len(free) < _LEAST_POINTS:
            return None
        u, sigma_u = _places(track, free, homography, line, row=1)
        v, sigma_v = _places(track, free, homography, line, row=3)
        known = (np.abs(u) < _FARTHEST_M) & ~np.isnan(v)
        if known.sum() < _LEAST_POINTS or np.ptp(v[known]) < _LEAST_WAY_M:
            return None
        u, v = u[known], v[known]
        weight = 1.0 / (sigma_v[known] ** 2 + sigma_u[known] ** 2 / 2.0)
        mean_u, mean_v = float(np.average(u, weights=weight)), float(np.average(v, weights=weight))
        spread = float(weight @ (u - mean_u) ** 2)
        if spread <= 0.0:
            return None
        slope = float(weight @ ((u - mean_u) * (v - mean_v))) / spread
        miss2 = float(np.mean(weight * (v - mean_v - slope * (u - mean_u)) ** 2))
        independent = 1.0 + float(np.ptp(track.xyxy_px[free, 3])) / WANDER_PX
        alike = max(len(u) / independent, 1.0)
        variance = max(miss2, 1.0) * alike
        return cls(mean_u, mean_v, slope, float(weight.sum()), spread, variance)

    def places(
        self, track: Track, at: NDArray[np.int64], homography: Homography, line: DirectedLine
    ) -> tuple[Array, Array]:
        """Places (M,) at positions of a track and their noise; NaN where the edge tells none."""
        u, sigma_u = _places(track, at, homography, line, row=1)
        shown = (track.xyxy_px[at, 1] > BORDER_PX) & (np.abs(u) < _FARTHEST_M)
        u = np.where(shown, u, np.nan)
        of_fit = self.variance * (1.0 / self.weight + (u - self.mean_u) ** 2 / self.spread)
        sigma_m = np.sqrt(of_fit + (self.slope * sigma_u) ** 2)
        return self.mean_v + self.slope * (u - self.mean_u), sigma_m


def _places(
    track: Track, at: NDArray[np.int64], homography: Homography, line: DirectedLine, row: int
) -> tuple[Array, Array]:
    """Signed distances (M,) from the line of the road points seen at the middle of an edge, and
    their noise; NaN above the horizon.
    """
    boxes = track.xyxy_px[at]
    middle_px = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, row]])
    ground_m, jacobian = homography.linearised(middle_px)
    across = np.einsum("i,nij->nj", line.forward, jacobian)
    return line.distance(ground_m), np.linalg.norm(across, axis=1) * edge_sigma_px(boxes)
