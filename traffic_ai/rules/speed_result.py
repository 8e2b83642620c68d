"""What comes of measuring a speed: the speed with its uncertainty, or why there is none.

Used by `speed.py` and `section.py`, and told by the speeding rule.
"""

from dataclasses import dataclass
from enum import StrEnum

from traffic_ai.core.violation import Condition, VehicleEnd, at_least

KMH = 3.6
# Oscillators of cameras are off by some tens of parts in a million.
CLOCK_RATE_SIGMA = 1e-4


class RefusalReason(StrEnum):
    """Why a pass gives no speed."""

    NOT_IN_AREA = "not_in_area"
    TOO_FEW_POINTS = "too_few_points"
    TOO_SHORT = "too_short"
    GAP = "gap"
    VEHICLE_SWAPPED = "vehicle_swapped"
    POOR_FIT = "poor_fit"
    MOSTLY_HIDDEN = "mostly_hidden"
    PART_OF_VEHICLE = "part_of_vehicle"
    UNCERTAIN = "uncertain"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class SpeedRefusal:
    """No speed, why not, and a rough speed that may be wrong (None if there is none)."""

    reason: RefusalReason
    condition: Condition
    rough_kmh: float | None


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """Mean speed over [start_s, end_s].

    components_kmh: name and standard uncertainty of each part; standard_uncertainty_kmh is their
    root sum of squares. baseline_m: length of the path. residual_px: RMS distance of the points
    used from the path. seen_end is None where the camera's place is unknown.
    """

    speed_kmh: float
    standard_uncertainty_kmh: float
    components_kmh: tuple[tuple[str, float], ...]
    start_s: float
    end_s: float
    baseline_m: float
    point_count: int
    residual_px: float
    seen_end: VehicleEnd | None


def count_condition(n: int, least: int, where: str = "in the calibrated area") -> Condition:
    """That there are enough points."""
    return at_least(f"points {where}", float(n), float(least), "")


def baseline_condition(length_m: float, least_m: float) -> Condition:
    """That the way is long enough."""
    return at_least("baseline", length_m, least_m, "m")
