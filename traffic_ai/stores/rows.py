"""Findings as rows of the store's tables, and back."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.core.record import (
    NOT_REVIEWED,
    DocumentedViolation,
    EvidenceState,
    Headline,
    RejectionReason,
    Review,
    ReviewState,
    StoredViolation,
    headline,
)
from traffic_ai.core.violation import NearMiss, Provenance, Violation, ViolationKind, document
from traffic_ai.stores.records import (
    CameraEvent,
    SourceKey,
    SourceRun,
    SourceState,
    StoredNearMiss,
    digest,
)

Values = dict[str, object]


def printable(text: str) -> str:
    """The text with what UTF-8 cannot hold (bytes of a badly named file) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def document_text(value: Violation | NearMiss) -> str:
    """The whole finding as one line of JSON with sorted keys."""
    return json.dumps(document(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def near_miss_id(source_id: str, miss: NearMiss) -> str:
    """Deterministic id of a near miss: the same analysis gives the same one.

    A track number may enter here, as the source's id stands for the very same analysis, and two
    vehicles that miss for one reason in the same tenth of a second stay two.
    """
    return digest(
        source_id,
        miss.rule_version,
        miss.kind.value,
        miss.lane_id,
        miss.reason,
        f"{miss.t_s:.1f}",
        str(miss.track_id),
    )


def violation_values(source_id: str, violation: Violation, created_at: datetime) -> Values:
    """A row of `violations`."""
    figures = headline(violation.measurement)
    provenance = violation.provenance
    return {
        "id": violation.id,
        "source_id": source_id,
        "kind": violation.kind.value,
        "camera_id": violation.camera_id,
        "lane_id": violation.lane_id,
        "road_user": violation.road_user.label,
        "t_s": violation.t_s,
        **_time_values(violation.occurred_at),
        "speed_kmh": figures.speed_kmh,
        "speed_uncertainty_kmh": figures.speed_uncertainty_kmh,
        "limit_kmh": figures.limit_kmh,
        "time_into_red_s": figures.time_into_red_s,
        "yellow_duration_s": figures.yellow_duration_s,
        "distance_m": figures.distance_m,
        "distance_uncertainty_m": figures.distance_uncertainty_m,
        "duration_s": figures.duration_s,
        "deducted_kmh": figures.deducted_kmh,
        "enforced_kmh": figures.enforced_kmh,
        "rule_version": violation.rule_version,
        "source_hash": provenance.source_hash,
        "config_hash": provenance.config_hash,
        "model_hash": provenance.model_hash,
        "software_version": provenance.software_version,
        "evidence_state": EvidenceState.PENDING.value,
        "evidence_path": None,
        "evidence_message": "",
        "created_at": created_at,
        "document": document_text(violation),
    }


def near_miss_values(source_id: str, miss: NearMiss, created_at: datetime) -> Values:
    """A row of `near_misses`."""
    return {
        "id": near_miss_id(source_id, miss),
        "source_id": source_id,
        "kind": miss.kind.value,
        "camera_id": miss.camera_id,
        "lane_id": miss.lane_id,
        "road_user": miss.road_user.label,
        "reason": miss.reason,
        "t_s": miss.t_s,
        **_time_values(miss.occurred_at),
        "rule_version": miss.rule_version,
        "created_at": created_at,
        "document": document_text(miss),
    }


def _time_values(moment: CapturedAt | None) -> Values:
    return {
        "occurred_at": moment.utc if moment else None,
        "occurred_at_source": moment.source.value if moment else None,
        "occurred_at_bound_s": moment.bound_s if moment else None,
    }


def stored_violation(row: Row[Any]) -> StoredViolation:
    """A violation from a row of `violations` with its source's `location`."""
    return StoredViolation(
        id=row.id,
        kind=ViolationKind(row.kind),
        camera_id=row.camera_id,
        lane_id=row.lane_id,
        road_user=row.road_user,
        t_s=row.t_s,
        occurred_at=_captured_at(row),
        headline=Headline(
            speed_kmh=row.speed_kmh,
            speed_uncertainty_kmh=row.speed_uncertainty_kmh,
            limit_kmh=row.limit_kmh,
            time_into_red_s=row.time_into_red_s,
            yellow_duration_s=row.yellow_duration_s,
            distance_m=row.distance_m,
            distance_uncertainty_m=row.distance_uncertainty_m,
            duration_s=row.duration_s,
            deducted_kmh=row.deducted_kmh,
            enforced_kmh=row.enforced_kmh,
        ),
        rule_version=row.rule_version,
        provenance=Provenance(
            row.source_hash, row.config_hash, row.model_hash, row.software_version
        ),
        source=row.location,
        evidence_state=EvidenceState(row.evidence_state),
        evidence_path=row.evidence_path,
        evidence_message=row.evidence_message,
        created_at=row.created_at,
        review=_review(row),
    )


def _review(row: Row[Any]) -> Review:
    if row.review_state is None:
        return NOT_REVIEWED
    return Review(
        ReviewState(row.review_state),
        RejectionReason(row.review_reason) if row.review_reason is not None else None,
        row.review_note,
        row.decided_by,
        row.decided_at,
        row.chain_entry,
    )


def review_values(violation_id: str, review: Review) -> Values:
    """A row of `reviews`."""
    return {
        "violation_id": violation_id,
        "state": review.state.value,
        "reason": review.reason.value if review.reason else None,
        "note": review.note,
        "decided_by": review.by,
        "decided_at": review.at,
        "chain_entry": review.chain_entry,
    }


def documented_violation(row: Row[Any]) -> DocumentedViolation:
    """A violation with its document."""
    return DocumentedViolation(stored_violation(row), row.document)


def stored_near_miss(row: Row[Any]) -> StoredNearMiss:
    """A near miss from a row of `near_misses`."""
    return StoredNearMiss(
        id=row.id,
        source_id=row.source_id,
        kind=ViolationKind(row.kind),
        camera_id=row.camera_id,
        lane_id=row.lane_id,
        road_user=row.road_user,
        reason=row.reason,
        t_s=row.t_s,
        occurred_at=_captured_at(row),
        rule_version=row.rule_version,
        document=row.document,
    )


def source_run(row: Row[Any]) -> SourceRun:
    """An analysis from a row of `sources`."""
    return SourceRun(
        key=SourceKey(
            row.camera_id, row.source_hash, row.config_hash, row.model_hash, row.rules_version
        ),
        location=row.location,
        state=SourceState(row.state),
        message=row.message,
        frame_count=row.frame_count,
        duration_s=row.duration_s,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def camera_event(row: Row[Any]) -> CameraEvent:
    """A change of a camera's state from a row of `camera_events`."""
    return CameraEvent(row.at, row.camera_id, row.state, row.detail)


def _captured_at(row: Row[Any]) -> CapturedAt | None:
    if row.occurred_at is None:
        return None
    return CapturedAt(row.occurred_at, ClockSource(row.occurred_at_source), row.occurred_at_bound_s)
