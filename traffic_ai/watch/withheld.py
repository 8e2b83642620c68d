"""Violations that the camera's own state forbids to report: near misses, with the reason."""

from collections.abc import Iterable

from traffic_ai.core.violation import (
    Condition,
    Finding,
    NearMiss,
    Violation,
    ViolationKind,
    at_most,
    is_so,
)
from traffic_ai.sources.arrival import MAX_PACE_ERROR, is_true_pace

UNTRUE_STAMPS = "untrue_time_stamps"
CAMERA_MOVED = "camera_moved"
_RESTS_ON_TIME = frozenset((ViolationKind.SPEEDING, ViolationKind.RED_LIGHT))
"""Kinds whose measurement is as wrong as the time stamps are."""


def without_true_time(findings: Iterable[Finding], pace: float | None) -> list[Finding]:
    """The findings, those that rest on time withheld where the stamps do not run with it.

    pace: how many seconds the time stamps advance in a second, None while it is not known.
    """
    if pace is None or is_true_pace(pace):
        return list(findings)
    error = at_most("error of the time stamps' pace", abs(pace - 1.0), MAX_PACE_ERROR, "")
    return [
        _withheld(finding, UNTRUE_STAMPS, error)
        if isinstance(finding, Violation) and finding.kind in _RESTS_ON_TIME
        else finding
        for finding in findings
    ]


def without_place(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of a camera that has moved: its lanes are not where they were drawn."""
    moved = is_so("camera", "moved", "where it was set up", False)
    return [
        _withheld(finding, CAMERA_MOVED, moved) if isinstance(finding, Violation) else finding
        for finding in findings
    ]


def _withheld(violation: Violation, reason: str, condition: Condition) -> NearMiss:
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
