"""What the speeding rule asks of a vehicle that was measured, and what it states of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.core.violation import (
    Condition,
    SpeedMeasurement,
    SpeedMethod,
    at_least,
    at_most,
    more_than,
)
from traffic_ai.rules.deduction import deduct
from traffic_ai.rules.parameters import SpeedingParameters
from traffic_ai.rules.rider import of_a_rider
from traffic_ai.rules.speed_result import SpeedEstimate

# Conditions, and what a near miss is called that fails one of them first.
_SPEED, _LEAST_SPEED = "speed", "speed less its uncertainty"
_ENFORCED = "speed after deduction"
_AGREEMENT = "difference of the second method"
_REASONS = {
    _SPEED: "within_tolerance",
    _LEAST_SPEED: "uncertainty",
    _ENFORCED: "within_deduction",
    _AGREEMENT: "methods_disagree",
}


def speed_measurement(
    estimate: SpeedEstimate,
    how: tuple[SpeedMethod, float | None],
    limit_kmh: float,
    parameters: SpeedingParameters,
    road_user: RoadUser,
) -> SpeedMeasurement:
    """What a record of the rule states. how: by which method, and the second method's speed."""
    method, gate_speed_kmh = how
    factor, scheme = parameters.coverage_factor, parameters.deduction
    expanded_kmh = factor * estimate.standard_uncertainty_kmh
    deduction = deduct(scheme, estimate.speed_kmh, expanded_kmh)
    return SpeedMeasurement(
        speed_kmh=estimate.speed_kmh,
        standard_uncertainty_kmh=estimate.standard_uncertainty_kmh,
        expanded_uncertainty_kmh=expanded_kmh,
        coverage_factor=factor,
        components_kmh=estimate.components_kmh,
        method=method,
        start_s=estimate.start_s,
        end_s=estimate.end_s,
        baseline_m=estimate.baseline_m,
        point_count=estimate.point_count,
        limit_kmh=limit_kmh,
        tolerance_kmh=parameters.tolerance_of_kmh(road_user),
        gate_speed_kmh=gate_speed_kmh,
        deduction=scheme.value,
        deducted_kmh=None if deduction is None else deduction.deducted_kmh,
        enforced_kmh=None if deduction is None else deduction.enforced_kmh,
    )


def speed_conditions(m: SpeedMeasurement, parameters: SpeedingParameters) -> tuple[Condition, ...]:
    """What must hold of a measured vehicle, in the order in which a near miss names it."""
    threshold_kmh = m.limit_kmh + m.tolerance_kmh
    least_kmh = m.speed_kmh - m.expanded_uncertainty_kmh
    conditions = [
        more_than(_SPEED, m.speed_kmh, threshold_kmh, "km/h"),
        more_than(_LEAST_SPEED, least_kmh, threshold_kmh, "km/h"),
    ]
    if m.enforced_kmh is not None:
        conditions.append(more_than(_ENFORCED, m.enforced_kmh, m.limit_kmh, "km/h"))
    if m.method is SpeedMethod.PLANE_FIT:
        conditions.append(_agreement(m, parameters))
        least_m, points = parameters.min_baseline_m, float(parameters.min_points)
        conditions.append(at_least("baseline", m.baseline_m, least_m, "m"))
        conditions.append(at_least("points", float(m.point_count), points, ""))
    return tuple(conditions)


def _agreement(m: SpeedMeasurement, parameters: SpeedingParameters) -> Condition:
    """That the second method gives nearly the same speed."""
    most_percent = 100.0 * parameters.max_gate_difference
    if m.gate_speed_kmh is None:
        return Condition(_AGREEMENT, "not measured", most_percent, "%", met=False)
    apart_percent = 100.0 * abs(m.gate_speed_kmh / m.speed_kmh - 1.0)
    return at_most(_AGREEMENT, apart_percent, most_percent, "%")


def speed_reason(conditions: Sequence[Condition]) -> str:
    """What a near miss is called that fails some of the conditions."""
    failed = next(condition.name for condition in conditions if not condition.met)
    return _REASONS.get(failed, "uncertainty")


def too_fast_on_foot(
    track: Track, known: NDArray[np.intp], threshold_kmh: float
) -> list[Condition]:
    """What tells of one taken for a person that he rides, and rides too fast.

    known: the points at which he touched the road, on the plane; two of them or more.
    """
    first, last = known[[0, -1]]
    way_m = float(np.linalg.norm(track.ground_m[last] - track.ground_m[first]))
    lasts_s = float(track.t_s[last] - track.t_s[first])
    rough = more_than("rough speed, not measured", 3.6 * way_m / lasts_s, threshold_kmh, "km/h")
    return [*of_a_rider(way_m, lasts_s), rough]
