"""Since when at the earliest a moving vehicle can have been over the line when it is first seen.

Used by `passage.py` for long vehicles whose hidden front may be over the line before their rear
comes into view. Who moves at speed v now was slower before only by as much as it can speed up: a
time tau ago it was at least v tau - a tau^2 / 2 farther back (while v > a tau). So one that is over
the line by s and for which v^2 > 2 a s did not stand there: it crossed, no longer ago than the
lesser root of v tau - a tau^2 / 2 = s.
"""

from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser

# Hardest acceleration from a stand, m/s^2: buses and empty trucks reach 2, sports cars 5.
_HEAVY_MPS2, _ANY_MPS2 = 3.0, 6.0
# The speed is taken over so long a time, from points that differ by this many deviations less.
_LEAST_S, _MOST_S = 0.4, 1.0
_SIGMAS = 2.0


@dataclass(frozen=True, slots=True)
class RunUp:
    """A vehicle's least speed at a moment, and how hard it may have sped up until then."""

    at_s: float
    least_mps: float
    hardest_mps2: float

    @classmethod
    def of(cls, t_s: Array, place_m: Array, sigma_m: Array, road_user: RoadUser) -> "RunUp | None":
        """From places (N,) along the way at moments t_s (N,), the first of which is meant, with
        their noise sigma_m (N,); None where it was not seen for long enough.
        """
        heavy = road_user in (RoadUser.BUS, RoadUser.TRUCK)
        hardest_mps2 = _HEAVY_MPS2 if heavy else _ANY_MPS2
        last = int(np.searchsorted(t_s, t_s[0] + _MOST_S, "right")) - 1
        lasts_s = float(t_s[last] - t_s[0])
        if lasts_s < _LEAST_S:
            return None
        noise_m = _SIGMAS * float(np.hypot(sigma_m[0], sigma_m[last]))
        way_m = float(place_m[last] - place_m[0]) - noise_m
        # It may have sped up since.
        least_mps = way_m / lasts_s - hardest_mps2 * lasts_s / 2.0
        return cls(float(t_s[0]), least_mps, hardest_mps2)

    def no_faster_than(self, mps: float) -> "RunUp":
        """The same with a least speed that is no greater."""
        return replace(self, least_mps=min(self.least_mps, mps))

    def crossed_since(self, t_s: float, over_m: float) -> float:
        """The moment before which a front was before the line that is no farther than `over_m`
        beyond it at t_s; -inf if it may have stood beyond it, or its speed is only known before.
        """
        if over_m <= 0.0:
            return t_s
        if t_s > self.at_s:
            return -np.inf
        speed_mps = self.least_mps - self.hardest_mps2 * (self.at_s - t_s)
        left = speed_mps**2 - 2.0 * self.hardest_mps2 * over_m
        if speed_mps <= 0.0 or left <= 0.0:
            return -np.inf
        return t_s - (speed_mps - float(np.sqrt(left))) / self.hardest_mps2
