"""How fast those drive who speed, and which lanes' bends allow it."""

from collections.abc import Sequence

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.fleet import bend_speeds_mps
from traffic_ai.simulate.traffic.layout import LaneLine, Turn
from traffic_ai.simulate.traffic.values import Range

DARING = 1.8
"""How much faster than others they take bends: 8.4 m/s2 sideways, what tyres hold on a dry road."""

# Where nothing is said: shares of the limit, and the limit where there is none.
_USUAL_SHARES, _NO_LIMIT_KMH, _FASTEST_KMH = (1.25, 1.7), 100.0, 250.0


def speeding_kmh(asked_kmh: Range | None, limit_kmh: float | None, lane: LaneLine) -> Range:
    """Between which speeds one drives in a lane: as asked for, else what is usual and can be."""
    if asked_kmh is not None:
        return asked_kmh
    most_kmh = min(_most_kmh(lane), _FASTEST_KMH)
    low, high = (min(share * (limit_kmh or _NO_LIMIT_KMH), most_kmh) for share in _USUAL_SHARES)
    return low, high


def fast_enough(
    lanes: Sequence[LaneLine], asked_kmh: Range | None, limit_kmh: float | None
) -> list[LaneLine]:
    """The lanes whose bends can be driven so fast. Raises ConfigError where none can."""
    usual_kmh = min(_USUAL_SHARES[0] * (limit_kmh or _NO_LIMIT_KMH), _FASTEST_KMH)
    wanted_kmh = usual_kmh if asked_kmh is None else asked_kmh[1]
    found = [lane for lane in lanes if _most_kmh(lane) >= wanted_kmh]
    if not found:
        most_kmh = max(_most_kmh(lane) for lane in lanes)
        raise ConfigError(
            f"speeding at {wanted_kmh:g} km/h is too fast for the bend: nobody keeps to it at more "
            f"than {most_kmh:.0f} km/h; lower speed_kmh or give road.radius_m more"
        )
    return found


def _most_kmh(lane: LaneLine) -> float:
    bends_mps = bend_speeds_mps(lane.ways[Turn.THROUGH].path)
    return np.inf if bends_mps is None else 3.6 * DARING * float(bends_mps.min())
