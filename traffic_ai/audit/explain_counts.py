"""How much was reported, and why the rest was not: counts by camera, kind and reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from traffic_ai.core.errors import UsageError
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.violation import NearMiss
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many near misses of one kind a camera has for one reason; reason "" are the reported."""

    camera_id: str
    kind: str
    reason: str
    count: int


def reason_counts(run: Path) -> list[ReasonCount]:
    """The counts of a run folder, by camera and kind, the reported first.

    Raises UsageError where it holds no store, StoreError.
    """
    with _store(run) as store:
        reported = [ReasonCount(c.camera_id, c.kind.value, "", c.count) for c in store.counts()]
        missed = [
            ReasonCount(c.camera_id, c.kind.value, c.reason, c.count)
            for c in store.near_miss_counts()
        ]
    return sorted(reported + missed, key=lambda c: (c.camera_id, c.kind, c.reason != "", -c.count))


def near_misses(run: Path, beginning: str = "") -> Mapping[str, NearMiss]:
    """By id, the near misses of a run folder whose id begins so, in the order of time.

    Raises UsageError, StoreError.
    """
    with _store(run) as store:
        return {
            miss.id: finding_of(miss.document, NearMiss)
            for miss in store.near_misses()
            if miss.id.startswith(beginning)
        }


def _store(run: Path) -> ViolationStore:
    if not (run / STORE_NAME).is_file():
        raise UsageError(f"{run} holds no {STORE_NAME}; name the folder that an analysis wrote to")
    return ViolationStore.open(run / STORE_NAME, read_only=True)
