"""Speed between two lines a surveyed distance apart, for cameras without a calibrated plane.

Used by `speeding.py`. The moment at each line comes from a short robust fit of the anchor's
distance from the line, in pixels, over presentation time; only its zero counts, so the picture's
perspective does not matter beyond the points around the line.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array, DirectedLine
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import SpeedSection
from traffic_ai.core.track import Track
from traffic_ai.core.violation import at_most
from traffic_ai.rules.box_size import Build
from traffic_ai.rules.speed_reference import unknown_camera_share
from traffic_ai.rules.speed_result import (
    CLOCK_RATE_SIGMA,
    KMH,
    RefusalReason,
    SpeedEstimate,
    SpeedRefusal,
    count_condition,
)

# Points this near in time take part in the fit of a crossing, at most so many on each side.
_REACH_S = 0.6
_REACH_POINTS = 6
_LEAST_POINTS = 3
# Over a longer time without a point a straight way in the picture is no even motion on the road.
_GAP_S = 0.5
# The line's ends are extended by this share: the anchor may pass just beside them.
_BESIDE = 0.1
# Box edges are noisy by this much and by this share of the box's height.
_EDGE_SIGMA_PX = 1.0
_EDGE_SIGMA_SHARE = 0.01
# Perspective bends the path between the two points around the line by a few percent of the step.
_STEP_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class _Crossing:
    t_s: float
    sigma_s: float
    gap_s: float
    point_count: int


def measure_section(
    track: Track, section: SpeedSection, road_user: RoadUser
) -> SpeedEstimate | SpeedRefusal | None:
    """Mean speed between the section's lines; None if the vehicle did not pass both in order."""
    good = track.grounded
    t_s, anchor_px = track.t_s[good], track.anchor_px[good]
    height_px = (track.xyxy_px[:, 3] - track.xyxy_px[:, 1])[good]
    sigma_px = _EDGE_SIGMA_PX + _EDGE_SIGMA_SHARE * height_px
    entry = _crossing(t_s, anchor_px, sigma_px, section.entry)
    leave = _crossing(t_s, anchor_px, sigma_px, section.exit)
    if entry is None or leave is None or leave.t_s <= entry.t_s:
        return None
    duration_s = leave.t_s - entry.t_s
    speed_kmh = section.length_m / duration_s * KMH
    gap_s = max(entry.gap_s, leave.gap_s)
    if gap_s > min(_GAP_S, duration_s):
        condition = at_most("gap at a line", gap_s, min(_GAP_S, duration_s), "s")
        return SpeedRefusal(RefusalReason.GAP, condition, speed_kmh)
    points = min(entry.point_count, leave.point_count)
    if points < _LEAST_POINTS:
        condition = count_condition(points, _LEAST_POINTS, "at a line")
        return SpeedRefusal(RefusalReason.TOO_FEW_POINTS, condition, speed_kmh)
    shares = {
        "fit": float(np.hypot(entry.sigma_s, leave.sigma_s)) / duration_s,
        "section_length": section.length_sigma_m / section.length_m,
        "reference_height": unknown_camera_share(Build(road_user)),
        "time": CLOCK_RATE_SIGMA,
    }
    return SpeedEstimate(
        speed_kmh=speed_kmh,
        standard_uncertainty_kmh=float(np.linalg.norm(list(shares.values()))) * speed_kmh,
        components_kmh=tuple((name, share * speed_kmh) for name, share in shares.items()),
        start_s=entry.t_s,
        end_s=leave.t_s,
        baseline_m=section.length_m,
        point_count=entry.point_count + leave.point_count,
        residual_px=0.0,
        seen_end=None,
    )


def _crossing(
    t_s: Array, anchor_px: Array, sigma_px: Array, line: DirectedLine
) -> _Crossing | None:
    """The first moment a path goes over a segment in its direction and stays beyond."""
    distance = line.distance(anchor_px)
    beyond = distance > 0.0
    for i in np.flatnonzero(~beyond[:-1] & beyond[1:]).tolist():
        share = distance[i] / (distance[i] - distance[i + 1])
        place = anchor_px[i] + share * (anchor_px[i + 1] - anchor_px[i])
        if not -_BESIDE <= float(line.position_along(place)) <= 1.0 + _BESIDE:
            continue
        # A standing vehicle's noise goes back and forth over a line: the last time counts.
        if (~beyond[i + 1 : i + 1 + _REACH_POINTS]).any():
            continue
        rough_s = float(t_s[i] + share * (t_s[i + 1] - t_s[i]))
        near = np.arange(max(0, i + 1 - _REACH_POINTS), min(len(t_s), i + 1 + _REACH_POINTS))
        near = near[np.abs(t_s[near] - rough_s) <= _REACH_S]
        gap_s = float(t_s[i + 1] - t_s[i])
        return _zero(t_s[near] - rough_s, distance[near], sigma_px[near], rough_s, gap_s)
    return None


def _zero(
    time_s: Array, distance_px: Array, sigma_px: Array, rough_s: float, gap_s: float
) -> _Crossing:
    """Where a robust parabola (line, for few points) through distance over time is zero."""
    n = len(time_s)
    order = 2 if n >= 6 else 1
    weight = 1.0 / sigma_px
    extra_s = _STEP_SHARE * gap_s
    if n < _LEAST_POINTS:
        return _Crossing(rough_s, gap_s, gap_s, n)
    design = np.vander(time_s, order + 1, increasing=True)
    robust = np.ones(n)
    for _ in range(8):
        w = weight * np.sqrt(robust)
        beta = np.linalg.lstsq(design * w[:, None], distance_px * w, rcond=None)[0]
        miss = np.abs(distance_px - design @ beta) * weight
        robust = np.minimum(1.0, 2.0 / np.maximum(miss, 1e-9))
    scale2 = max(1.0, float((robust * miss**2).sum()) / max(1, n - order - 1))
    covariance = scale2 * np.linalg.pinv((design * w[:, None]).T @ (design * w[:, None]))
    slope = float(beta[1])
    shift_s = -float(beta[0]) / slope if slope > 0.0 else 0.0
    if slope <= 0.0 or abs(shift_s) > max(gap_s, 0.1):
        return _Crossing(rough_s, gap_s, gap_s, n)
    sigma_s = float(np.sqrt(covariance[0, 0])) / slope
    return _Crossing(rough_s + shift_s, float(np.hypot(sigma_s, extra_s)), gap_s, n)
