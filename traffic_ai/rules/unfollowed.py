"""When a vehicle that was not followed over a stop line must have crossed it, by its motion.

Used by the red-light rule for what it logs; who is not seen to cross is not reported.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track
from traffic_ai.rules.stop_line_geometry import StopLineGeometry

# Motion is taken from so long a time and so many points, and holds for so long before or after.
_FROM_S, _LEAST_POINTS, HOLDS_S = 1.0, 3, 2.0
# Only who drives straight over the line: most of the way across against that along.
_ASKEW = 0.4
_LEAST_MPS = 2.0
# Nobody brakes harder, m/s^2.
_BRAKES_MPS2 = 8.0
# Lanes end at their line, as far as they are drawn: that is where it came from.
_BEFORE_S = 0.2


@dataclass(frozen=True, slots=True)
class UnseenCrossing:
    """When the seen end crossed, and where in the picture (2,) it was just before."""

    t_s: float
    before_px: Array


def unseen_crossing(track: Track, geometry: StopLineGeometry) -> UnseenCrossing | None:
    """The crossing of a vehicle that was first seen over the line, or last seen too near before it
    to stop; None if it did not drive straight over the line, between its ends and at about that
    time.
    """
    seen = np.flatnonzero(track.observed)
    if geometry.ground_line is None or len(seen) < _LEAST_POINTS:
        return None
    t_s = track.t_s[seen]
    before = np.flatnonzero(geometry.seen_distance_px(track.xyxy_px[seen]) < 0.0)
    over = seen[int(before[-1]) + 1 :] if len(before) else seen
    if not len(over):
        return _extrapolated(track, geometry, seen[t_s >= t_s[-1] - _FROM_S], float(t_s[-1]))
    from_s = float(track.t_s[over[0]])
    if from_s - float(t_s[0]) > _FROM_S:
        return None
    return _extrapolated(track, geometry, over[track.t_s[over] <= from_s + _FROM_S], from_s)


def _extrapolated(
    track: Track, geometry: StopLineGeometry, at: NDArray[np.int64], from_s: float
) -> UnseenCrossing | None:
    """From the motion at some points, first and last of a side of the line, counted from one."""
    line, homography = geometry.ground_line, geometry.scene.homography
    if line is None or homography is None or len(at) < _LEAST_POINTS:
        return None
    places_m = homography.to_ground(track.anchor_px[at])
    if np.isnan(places_m).any():
        return None
    velocity, place_m = _straight_line(track.t_s[at] - from_s, places_m)
    onward_mps = float(velocity @ line.forward)
    across_mps = float(np.linalg.norm(velocity - onward_mps * line.forward))
    beyond_m = float(line.distance(place_m))
    ago_s = beyond_m / max(onward_mps, 1e-9)
    if onward_mps < _LEAST_MPS or across_mps > _ASKEW * onward_mps or abs(ago_s) > HOLDS_S:
        return None
    if onward_mps**2 < -2.0 * _BRAKES_MPS2 * beyond_m:
        return None
    there_px = homography.to_image(place_m - np.outer([ago_s, ago_s + _BEFORE_S], velocity))
    if not geometry.within_ends(there_px[:1])[0]:
        return None
    return UnseenCrossing(from_s - ago_s, there_px[1])


def _straight_line(t_s: Array, places_m: Array) -> tuple[Array, Array]:
    """Velocity (2,) and place (2,) at zero of the line through places (N, 2), by least squares."""
    middle_s, middle_m = float(t_s.mean()), places_m.mean(axis=0)
    since_s = t_s - middle_s
    velocity = since_s @ (places_m - middle_m) / float(since_s @ since_s)
    return velocity, middle_m - middle_s * velocity
