"""The second way to a speed: when the vehicle passed two gates across its way, and how far apart.

Used by the speeding rule to check the first (`speed.py`), of which it shares nothing but the points
and where on the vehicle they lie: no polynomial, no weights, no model of the noise. The way is a
chain of straight pieces through medians of the points; each gate stands at one of its ends, and is
passed at the median of the moments that the points near it tell.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.medians import median, medians, piece_begins
from traffic_ai.rules.speed import PassPoints
from traffic_ai.rules.speed_reference import correct
from traffic_ai.rules.speed_result import KMH, SpeedEstimate

# Pieces of the pass between which the way is straight enough: a quarter of a circle in three
# chords is 0.7 % short.
_KNOTS = 4
_LEAST_POINTS_A_KNOT = 2


def gate_speed_kmh(
    points: PassPoints, estimate: SpeedEstimate, homography: Homography, road_user: RoadUser | None
) -> float | None:
    """Speed between two gates within the stretch of an estimate; None where it cannot be told."""
    inside = (points.t_s >= estimate.start_s - 1e-9) & (points.t_s <= estimate.end_s + 1e-9)
    inside &= ~np.isnan(points.ground_m[:, 0])
    t_s, ground_m, tall_m = points.t_s[inside], points.ground_m[inside], points.size_m[inside, 1]
    count = min(_KNOTS, len(t_s) // _LEAST_POINTS_A_KNOT)
    if count < 2:
        return None
    begins = piece_begins(len(t_s), count)
    directions = _directions(t_s, ground_m, begins)
    if directions is None:
        return None
    build = points.measured_as(homography, road_user)
    place_m = correct(ground_m, directions, homography, build, tall_m).ground_m
    knots_m, knots_s = medians(place_m, begins), medians(t_s[:, None], begins)[:, 0]
    way_m = float(np.linalg.norm(np.diff(knots_m, axis=0), axis=1).sum())
    rough_s = float(knots_s[-1] - knots_s[0])
    if way_m <= 0.0 or rough_s <= 0.0:
        return None
    first, last = (
        _passed_s(t_s[piece], place_m[piece], gate_m, ahead, way_m / rough_s)
        for piece, gate_m, ahead in (
            (slice(0, begins[1]), knots_m[0], knots_m[1] - knots_m[0]),
            (slice(begins[-1], None), knots_m[-1], knots_m[-1] - knots_m[-2]),
        )
    )
    return None if last <= first else way_m / (last - first) * KMH


def _directions(t_s: Array, ground_m: Array, begins: NDArray[np.int64]) -> Array | None:
    """Unit direction of travel (n, 2) at each point, along the chain of the pieces' medians."""
    knots_m, knots_s = medians(ground_m, begins), medians(t_s[:, None], begins)[:, 0]
    steps = np.diff(knots_m, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if lengths.min() <= 0.0:
        return None
    step = np.clip(np.searchsorted(knots_s, t_s, "right") - 1, 0, len(steps) - 1)
    return np.asarray((steps / lengths[:, None])[step])


def _passed_s(t_s: Array, place_m: Array, gate_m: Array, ahead: Array, speed_mps: float) -> float:
    """When a gate square to `ahead` was passed, by the median of the points near it."""
    unit = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    return median(t_s + (gate_m - place_m) @ unit / speed_mps)
