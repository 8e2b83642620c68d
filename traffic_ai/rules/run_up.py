"""Since when at the earliest a moving vehicle can have been over the line when it is first seen.

Used by `passage.py` for long vehicles whose hidden front may be over the line before their rear
comes into view. Who moves at speed v now was slower before only by as much as it can speed up: a
time tau ago it was at least v tau - a tau^2 / 2 farther back (while v > a tau). So one that is over
the line by s and for which v^2 > 2 a s did not stand there: it crossed, no longer ago than the
lesser root of v tau - a tau^2 / 2 = s.
"""

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser

# Hardest acceleration from a stand, m/s^2: buses and empty trucks reach 2, sports cars 5.
_HEAVY_MPS2, _ANY_MPS2 = 3.0, 6.0
# The speed is taken over so long a time, from points that differ by this many deviations less.
_LEAST_S, _MOST_S = 0.4, 1.0
_SIGMAS = 2.0


def crossed_since(
    t_s: Array, place_m: Array, sigma_m: Array, sigmas: float, road_user: RoadUser
) -> float:
    """The moment before which a front was before the line; -inf if it may have stood beyond it.

    place_m (N,): how far the front is beyond the line at most, at moments t_s (N,); sigma_m (N,)
    its noise.
    """
    heavy = road_user in (RoadUser.BUS, RoadUser.TRUCK)
    hardest_mps2 = _HEAVY_MPS2 if heavy else _ANY_MPS2
    over_m = float(place_m[0] + sigmas * sigma_m[0])
    last = int(np.searchsorted(t_s, t_s[0] + _MOST_S, "right")) - 1
    lasts_s = float(t_s[last] - t_s[0])
    if lasts_s < _LEAST_S or over_m <= 0.0:
        return -np.inf
    way_m = float(place_m[last] - place_m[0]) - _SIGMAS * float(np.hypot(sigma_m[0], sigma_m[last]))
    # It may have sped up since.
    speed_mps = way_m / lasts_s - hardest_mps2 * lasts_s / 2.0
    left = speed_mps**2 - 2.0 * hardest_mps2 * over_m
    if speed_mps <= 0.0 or left <= 0.0:
        return -np.inf
    return float(t_s[0]) - (speed_mps - float(np.sqrt(left))) / hardest_mps2
