"""What a site file may set for each rule. The key in the site file is the rule's name.

A rule runs for a camera when its key is there, even with nothing under it. Values are checked
here once; a bad one raises ValueError with the value and the fix.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.deduction import DeductionScheme


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


@dataclass(frozen=True, slots=True)
class RedLightParameters:
    """grace_s: seconds after the onset of red in which a crossing is not reported.

    beyond_distance_m: how
    far past the stop line a vehicle must go where a calibrated stop line has no beyond_line.
    """

    grace_s: float = 0.3
    beyond_distance_m: float = 4.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _at_least("grace_s", self.grace_s, 0.0)
        _at_least("beyond_distance_m", self.beyond_distance_m, 0.5)


@dataclass(frozen=True, slots=True)
class StopOverLineParameters:
    """min_standing_s: how long it must stand. min_distance_m: how far over, at the least."""

    min_standing_s: float = 3.0
    min_distance_m: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _at_least("min_standing_s", self.min_standing_s, 0.5)
        _at_least("min_distance_m", self.min_distance_m, 0.0)


@dataclass(frozen=True, slots=True)
class WrongWayParameters:
    """min_distance_m: net way against the direction, on the road plane. min_lane_share: the same
    as a share of the lane's length in the picture, where there is no calibration.
    min_duration_s: over at least this time.
    """

    min_distance_m: float = 8.0
    min_lane_share: float = 0.25
    min_duration_s: float = 0.6

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _at_least("min_distance_m", self.min_distance_m, 1.0)
        _at_least("min_lane_share", self.min_lane_share, 0.05)
        _at_least("min_duration_s", self.min_duration_s, 0.2)


@dataclass(frozen=True, slots=True)
class SpeedingParameters:
    """tolerance_kmh: added to the limit; by class in tolerance_by_class_kmh.

    min_baseline_m and min_points: the least a speed is measured over. coverage_factor: how many
    standard uncertainties are taken off before a vehicle is reported. max_gate_difference: how far
    the second method may differ, as a share. max_uncertainty: of a pass by itself (95 %, without
    the calibration's), as a share of the speed, below 100 km/h of that; legal errors are 3 %, and
    what cannot be said to keep them is not measured. deduction: what the authority takes off; what
    is left must be above the limit too.
    """

    tolerance_kmh: float = 0.0
    tolerance_by_class_kmh: Mapping[RoadUser, float] = field(default_factory=dict)
    min_baseline_m: float = 10.0
    min_points: int = 5
    coverage_factor: float = 2.0
    max_gate_difference: float = 0.1
    max_uncertainty: float = 0.03
    deduction: DeductionScheme = DeductionScheme.NONE

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _at_least("tolerance_kmh", self.tolerance_kmh, 0.0)
        for road_user, value in self.tolerance_by_class_kmh.items():
            _at_least(f"tolerance_by_class_kmh.{road_user.label}", value, 0.0)
        _at_least("min_baseline_m", self.min_baseline_m, 2.0)
        _at_least("min_points", self.min_points, 4)
        _at_least("coverage_factor", self.coverage_factor, 1.0)
        _at_least("max_gate_difference", self.max_gate_difference, 0.01)
        _at_least("max_uncertainty", self.max_uncertainty, 0.005)

    def tolerance_of_kmh(self, road_user: RoadUser) -> float:
        """What is added to the limit for a class of road user."""
        return self.tolerance_by_class_kmh.get(road_user, self.tolerance_kmh)
