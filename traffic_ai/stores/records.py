"""What the store is asked with and answers with, beside the violations themselves."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from traffic_ai.core.errors import UsageError
from traffic_ai.core.frame import CapturedAt
from traffic_ai.core.record import EvidenceState, RejectionReason, ReviewState
from traffic_ai.core.violation import ViolationKind


class SourceState(StrEnum):
    """How the analysis of a source ended; PARTIAL also while it runs or where it was killed."""

    DONE = "done"
    FAILED = "failed"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class SourceKey:
    """What makes two analyses the same one, so that a finished file need not be read again.

    source_hash: SHA-256 of a file, or a live session's identity; rules_version: the versions of
    the rules that ran, joined in a stable order.
    """

    camera_id: str
    source_hash: str
    config_hash: str
    model_hash: str
    rules_version: str

    @property
    def id(self) -> str:
        """Deterministic id, 32 hex digits."""
        return digest(
            self.camera_id, self.source_hash, self.config_hash, self.model_hash, self.rules_version
        )


@dataclass(frozen=True, slots=True)
class SourceRun:
    """One analysis of a source, as stored. `location`: its path, or its URL without secrets."""

    key: SourceKey
    location: str
    state: SourceState
    message: str
    frame_count: int
    duration_s: float
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records are wanted; an empty tuple or None means no restriction.

    A record lies in the time range when since <= occurred_at < until. A record whose wall-clock
    time is not known lies in no range. `review_states` and `evidence_states` are for violations.
    """

    kinds: tuple[ViolationKind, ...] = ()
    camera_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    review_states: tuple[ReviewState, ...] = ()
    evidence_states: tuple[EvidenceState, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse times without an offset, which would mean something else on each computer."""
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment.tzinfo is None:
                raise UsageError(
                    f"{name} {moment.isoformat()} has no time zone; "
                    f"write it with an offset, such as {moment.isoformat()}+00:00"
                )


@dataclass(frozen=True, slots=True)
class StoredNearMiss:
    """A near miss as stored. source_id: of the analysis. `document`: all of it as JSON text."""

    id: str
    source_id: str
    kind: ViolationKind
    camera_id: str
    lane_id: str
    road_user: str
    reason: str
    t_s: float
    occurred_at: CapturedAt | None
    rule_version: str
    document: str


@dataclass(frozen=True, slots=True)
class ViolationCount:
    """How many violations of one kind one camera has."""

    camera_id: str
    kind: ViolationKind
    count: int


@dataclass(frozen=True, slots=True)
class ReviewCount:
    """How many violations of one kind one camera has in one state of review, for one reason."""

    camera_id: str
    kind: ViolationKind
    state: ReviewState
    reason: RejectionReason | None
    count: int


@dataclass(frozen=True, slots=True)
class NearMissCount:
    """How many near misses of one kind one camera has for one reason."""

    camera_id: str
    kind: ViolationKind
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """A change of a camera's state: "connected", "lost", ... with what is known of the cause."""

    at: datetime
    camera_id: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What happened to a watch as a whole: to its "disk", its "store", a "delivery NAME", ..."""

    at: datetime
    part: str
    state: str
    detail: str = ""


def digest(*parts: str) -> str:
    """Hash of the parts, 32 hex digits; ("ab", "c") and ("a", "bc") differ."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "backslashreplace")
        sha.update(f"{len(data)}:".encode() + data)
    return sha.hexdigest()[:32]
