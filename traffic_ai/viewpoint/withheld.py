"""Violations that the camera's own state forbids to report: near misses, with the reason."""

from collections.abc import Iterable

from traffic_ai.core.violation import Condition, Finding, NearMiss, Violation, is_so

CAMERA_MOVED = "camera_moved"


def without_place(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of a camera that has moved: its lanes are not where they were drawn."""
    moved = is_so("camera", "moved", "where it was set up", False)
    return [
        withheld(finding, CAMERA_MOVED, moved) if isinstance(finding, Violation) else finding
        for finding in findings
    ]


def withheld(violation: Violation, reason: str, condition: Condition) -> NearMiss:
    """The near miss that a violation becomes for a reason; condition: the one that is not met."""
    return NearMiss(
        kind=violation.kind,
        camera_id=violation.camera_id,
        lane_id=violation.lane_id,
        track_id=violation.track_id,
        road_user=violation.road_user,
        t_s=violation.t_s,
        occurred_at=violation.occurred_at,
        reason=reason,
        explanation=(*violation.explanation, condition),
        rule_version=violation.rule_version,
        measurement=violation.measurement,
    )
