"""Sideways moves along a way: lane changes, and the pull to the kerb."""

from collections.abc import Sequence

import numpy as np

from traffic_ai.simulate.arrays import Floats


def shifted_m(shifts: Sequence[tuple[float, float, float]], places_m: Floats) -> Floats:
    """Metres to the right (T,) that shifts have brought at places (T,) along the way."""
    found = np.zeros(len(places_m))
    for from_m, to_m, right_m in shifts:
        u = np.clip((places_m - from_m) / (to_m - from_m), 0.0, 1.0)
        found += right_m * u**3 * (10 - 15 * u + 6 * u**2)
    return found
