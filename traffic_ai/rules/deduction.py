"""What authorities take off a measured speed before they enforce it, whole km/h.

Used by the speeding rule. Every scheme first drops the decimals. What is left is not above the true
speed as long as the measurement kept its legal error: +-3 km/h, above 100 km/h 3 % (Germany at any
speed; Switzerland as far as its steps cover that, to 133 km/h for laser and 233 km/h for the
others); +-2 km/h or 2 %, whichever is more (Victoria). A speed that is less certain than that, by
its own expanded uncertainty, has that uncertainty deducted instead.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DeductionScheme(StrEnum):
    """Whose deduction is made."""

    NONE = "none"
    DE = "DE"
    CH_RADAR = "CH-radar"
    CH_LASER = "CH-laser"
    CH_SECTION = "CH-section"
    VIC = "VIC"


@dataclass(frozen=True, slots=True)
class Deduction:
    """deducted_kmh: what was taken off the whole km/h. enforced_kmh: what is left."""

    deducted_kmh: float
    enforced_kmh: float


# Switzerland, up to 100, up to 150 and above 150 km/h.
_STEPS_KMH: Mapping[DeductionScheme, tuple[int, int, int]] = {
    DeductionScheme.CH_RADAR: (5, 6, 7),
    DeductionScheme.CH_LASER: (3, 4, 5),
    DeductionScheme.CH_SECTION: (5, 6, 7),
}
# Germany and Victoria: km/h up to 100 km/h, and as many per cent, rounded up, above.
_SHARES: Mapping[DeductionScheme, int] = {DeductionScheme.DE: 3, DeductionScheme.VIC: 2}


def deduct(
    scheme: DeductionScheme, speed_kmh: float, uncertainty_kmh: float = 0.0
) -> Deduction | None:
    """The deduction from a measured speed, no less than its expanded uncertainty; None without."""
    if scheme is DeductionScheme.NONE:
        return None
    whole = math.floor(speed_kmh)
    if scheme in _SHARES:
        share = _SHARES[scheme]
        off = share if whole <= 100 else -(-share * whole // 100)
    else:
        low, middle, high = _STEPS_KMH[scheme]
        off = low if whole <= 100 else middle if whole <= 150 else high
    off = max(off, math.ceil(uncertainty_kmh))
    return Deduction(float(off), float(max(whole - off, 0)))
