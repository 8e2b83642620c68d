"""A violation as it is kept: what the store returns, sinks write and evidence is held against."""

from dataclasses import dataclass
from datetime import datetime

from traffic_ai.core.frame import CapturedAt
from traffic_ai.core.kinds import EvidenceState as EvidenceState
from traffic_ai.core.kinds import RejectionReason as RejectionReason
from traffic_ai.core.kinds import ReviewState as ReviewState
from traffic_ai.core.violation import (
    Measurement,
    Provenance,
    RedLightMeasurement,
    SpeedMeasurement,
    StopOverLineMeasurement,
    ViolationKind,
    WrongWayMeasurement,
)


@dataclass(frozen=True, slots=True)
class Review:
    """The last decision on a violation. `reason`: of a rejection. `by`, `at`: who, and when, "" and
    None while nobody has. `chain_entry`: its number in the camera's chain, 0 for none.
    """

    state: ReviewState = ReviewState.PROPOSED
    reason: RejectionReason | None = None
    note: str = ""
    by: str = ""
    at: datetime | None = None
    chain_entry: int = 0


NOT_REVIEWED = Review()


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures of a measurement that lists and data bars show; None where they do not apply.

    speed_uncertainty_kmh and distance_uncertainty_m are expanded (what is taken off the value in
    the driver's favour) and standard uncertainty respectively, as in the measurement itself.
    """

    speed_kmh: float | None = None
    speed_uncertainty_kmh: float | None = None
    limit_kmh: float | None = None
    time_into_red_s: float | None = None
    yellow_duration_s: float | None = None
    distance_m: float | None = None
    distance_uncertainty_m: float | None = None
    duration_s: float | None = None
    deducted_kmh: float | None = None
    enforced_kmh: float | None = None


def headline(measurement: Measurement) -> Headline:
    """The headline figures of a measurement."""
    match measurement:
        case SpeedMeasurement():
            return Headline(
                speed_kmh=measurement.speed_kmh,
                speed_uncertainty_kmh=measurement.expanded_uncertainty_kmh,
                limit_kmh=measurement.limit_kmh,
                deducted_kmh=measurement.deducted_kmh,
                enforced_kmh=measurement.enforced_kmh,
            )
        case RedLightMeasurement():
            return Headline(
                time_into_red_s=measurement.time_into_red_s,
                yellow_duration_s=measurement.yellow_duration_s,
            )
        case StopOverLineMeasurement():
            return Headline(
                distance_m=measurement.distance_over_m,
                distance_uncertainty_m=measurement.distance_standard_uncertainty_m,
                duration_s=measurement.standing_s,
            )
        case WrongWayMeasurement():
            return Headline(
                distance_m=measurement.distance_m,
                distance_uncertainty_m=measurement.distance_standard_uncertainty_m,
                duration_s=measurement.duration_s,
            )


@dataclass(frozen=True, slots=True)
class StoredViolation:
    """A violation as listed: everything but its explanation and trajectory.

    `source`: path or URL (without secrets) of what it was found in. `evidence_path`: its package,
    relative to the run folder, or None; `evidence_message`: what could not be made, or "".
    """

    id: str
    kind: ViolationKind
    camera_id: str
    lane_id: str
    road_user: str
    t_s: float
    occurred_at: CapturedAt | None
    headline: Headline
    rule_version: str
    provenance: Provenance
    source: str
    evidence_state: EvidenceState
    evidence_path: str | None
    evidence_message: str
    created_at: datetime
    review: Review = NOT_REVIEWED


@dataclass(frozen=True, slots=True)
class DocumentedViolation:
    """A stored violation with its full JSON document (`core.violation.document`), as text."""

    stored: StoredViolation
    document: str
