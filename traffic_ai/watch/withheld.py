"""Violations that a stream's clock forbids to report: near misses, with the reason."""

from collections.abc import Iterable

from traffic_ai.core.violation import Finding, Violation, ViolationKind, at_most
from traffic_ai.sources.arrival import MAX_PACE_ERROR, is_true_pace
from traffic_ai.viewpoint.withheld import withheld

UNTRUE_STAMPS = "untrue_time_stamps"
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
        withheld(finding, UNTRUE_STAMPS, error)
        if isinstance(finding, Violation) and finding.kind in _RESTS_ON_TIME
        else finding
        for finding in findings
    ]
