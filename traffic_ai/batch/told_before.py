"""Violations that another recording, or another analysis, has told of already.

A record's id rests on the content it was found in, so recordings that overlap give a deed twice. It
is for people to say that two records are of one deed; here they are told where to look.
"""

from collections.abc import Sequence
from datetime import timedelta

from traffic_ai.core.violation import Violation
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter

_LEAST_S, _MOST_S = 0.1, 2.0
"""How far apart one deed may be by two recordings' clocks, whatever these say of their error."""
_SHOWN = 5


def told_before(store: ViolationStore, violations: Sequence[Violation]) -> list[str]:
    """A note for people, or none, of violations that other records may be of: same camera, kind
    and lane, at the same moment as far as the clocks tell.
    """
    pairs = [(v.id, other) for v in violations if (other := _other_record(store, v)) is not None]
    if not pairs:
        return []
    shown = ", ".join(f"{new[:12]} as {old[:12]}" for new, old in pairs[:_SHOWN])
    more = ", ..." if len(pairs) > _SHOWN else ""
    which = "violation" if len(pairs) == 1 else "violations"
    return [
        f"{len(pairs)} {which} may be recorded already from other footage or by another analysis "
        f"({shown}{more}); if so, reject one as `duplicate` with `traffic-ai review`"
    ]


def _other_record(store: ViolationStore, violation: Violation) -> str | None:
    moment = violation.occurred_at
    if moment is None:
        return None
    widest = timedelta(seconds=_MOST_S)
    near = RecordFilter(
        kinds=(violation.kind,),
        camera_ids=(violation.camera_id,),
        since=moment.utc - widest,
        until=moment.utc + widest,
    )
    basis = violation.provenance
    for other in store.violations(near):
        theirs = other.provenance
        same_analysis = (theirs.source_hash, theirs.config_hash) == (
            basis.source_hash,
            basis.config_hash,
        )
        if same_analysis or other.lane_id != violation.lane_id or other.occurred_at is None:
            continue
        apart_s = abs((other.occurred_at.utc - moment.utc).total_seconds())
        if apart_s <= max(_LEAST_S, min(_MOST_S, other.occurred_at.bound_s + moment.bound_s)):
            return other.id
    return None
