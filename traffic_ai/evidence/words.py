"""Violations in plain words, for terminals."""

from traffic_ai.core.record import StoredViolation
from traffic_ai.core.violation import (
    Finding,
    Measurement,
    RedLightMeasurement,
    SpeedMeasurement,
    StopOverLineMeasurement,
    Violation,
    ViolationKind,
    WrongWayMeasurement,
)


def one_line(violation: Violation) -> str:
    """Kind, place, time and the figure that matters, in one line."""
    kind = violation.kind.value.replace("_", " ")
    return (
        f"{kind}: {violation.road_user.label} in lane {violation.lane_id} at {when(violation)}, "
        f"{figure(violation.measurement)}"
    )


def when(finding: Finding) -> str:
    """The moment of a finding: by the wall clock, where it is known, and in the recording."""
    moment, t_s = finding.occurred_at, f"{finding.t_s:.2f} s"
    if moment is None:
        return t_s
    return f"{moment.utc.isoformat(timespec='milliseconds')} ({t_s})"


def figure(measurement: Measurement) -> str:
    """The figure that matters, with its uncertainty and unit."""
    match measurement:
        case RedLightMeasurement():
            return (
                f"{measurement.time_into_red_s:.2f} s into red "
                f"(at most {measurement.time_into_red_latest_s:.2f} s)"
            )
        case SpeedMeasurement():
            return (
                f"{measurement.speed_kmh:.1f} +- {measurement.expanded_uncertainty_kmh:.1f} km/h "
                f"where {measurement.limit_kmh:.0f} is allowed"
            )
        case WrongWayMeasurement():
            if measurement.distance_m is None:
                return f"{measurement.lane_share:.0%} of the lane against its direction"
            return f"{measurement.distance_m:.1f} m against the direction"
        case StopOverLineMeasurement():
            far = (
                f"{measurement.distance_over_px:.0f} px"
                if measurement.distance_over_m is None
                else f"{measurement.distance_over_m:.1f} m"
            )
            return f"at least {far} over the line for {measurement.standing_s:.1f} s"


def stored_figure(stored: StoredViolation) -> str:
    """The figure that matters of a violation as listed by the store."""
    figures = stored.headline
    match stored.kind:
        case ViolationKind.RED_LIGHT:
            return f"at least {figures.time_into_red_s:.2f} s into red"
        case ViolationKind.SPEEDING:
            return f"{figures.speed_kmh:.1f} +- {figures.speed_uncertainty_kmh:.1f} km/h"
        case ViolationKind.WRONG_WAY:
            if figures.distance_m is None:
                return "against the lane's direction"
            return f"{figures.distance_m:.1f} m against the direction when reported"
        case ViolationKind.STOP_OVER_LINE:
            if figures.distance_m is None:
                return "over the line"
            return f"front at least {figures.distance_m:.1f} m over the line"
