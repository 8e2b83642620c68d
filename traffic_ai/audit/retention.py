"""What is beyond the time or the size that is kept, and its deletion in a running watch."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from traffic_ai.audit.purge import purge
from traffic_ai.audit.records import Records, open_records, package_folder
from traffic_ai.config.delivery import Kept
from traffic_ai.core.errors import UsageError
from traffic_ai.core.record import StoredViolation
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.keys import Signer
from traffic_ai.stores.records import RecordFilter

_log = logging.getLogger(__name__)
_AT_ONCE = 1000


class PackageSizes:
    """Sizes of a run's packages; each is looked at once, as a package never changes."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._known: dict[str, int] = {}

    def of(self, record: StoredViolation) -> int:
        """Bytes of a record's package, 0 where it has none."""
        if record.id not in self._known:
            folder = package_folder(self._run, record)
            if folder is None:
                return 0  # it may still come
            files = folder.iterdir() if folder.is_dir() else ()
            self._known[record.id] = sum(file.stat().st_size for file in files)
        return self._known[record.id]

    def forget(self, record_id: str) -> None:
        """Keep nothing of a record that was deleted."""
        self._known.pop(record_id, None)


def overdue(
    records: Records, retention: Mapping[ViolationKind, Kept], sizes: PackageSizes, now: datetime
) -> Iterator[tuple[StoredViolation, str]]:
    """The records that are beyond what is kept of their kind, each with the reason.

    By size, the oldest go until the packages of the rest fit. A record without a wall-clock time is
    as old as its row.
    """
    for kind, kept in retention.items():
        found = list(records.store.violations(RecordFilter(kinds=(kind,))))
        found.sort(key=_moment)
        if kept.days is not None:
            before = now - timedelta(days=kept.days)
            for record in found:
                if _moment(record) < before:
                    yield record, f"kept for {kept.days} days, and they are over"
            found = [record for record in found if _moment(record) >= before]
        if kept.size_bytes is None:
            continue
        over = sum(sizes.of(record) for record in found) - kept.size_bytes
        for record in found:
            if over <= 0:
                break
            if size := sizes.of(record):
                over -= size
                yield record, f"kept up to {kept.size_bytes / 1e9:g} GB, and later ones fill them"


def drop_near_misses(
    records: Records, retention: Mapping[ViolationKind, Kept], now: datetime, stop: threading.Event
) -> int:
    """Delete the near misses that are older than what is kept of their kind; how many.

    No chain has them, so none tells of it. Others who write wait for a batch at the most.
    """
    count = 0
    for kind, kept in retention.items():
        gone = _AT_ONCE if kept.days is not None else 0
        while gone == _AT_ONCE and not stop.is_set():
            before = now - timedelta(days=kept.days or 0)
            gone = records.store.drop_near_misses(kind, before, _AT_ONCE)
            count += gone
    return count


def _moment(record: StoredViolation) -> datetime:
    return record.occurred_at.utc if record.occurred_at else record.created_at


@dataclass(frozen=True, slots=True)
class Keeper:
    """Deletes what is beyond the retention of a run folder, near misses too; by: in whose name."""

    run: Path
    signer: Signer | None
    sizes: PackageSizes
    by: str = "traffic-ai watch"

    def __call__(self, retention: Mapping[ViolationKind, Kept], stop: threading.Event) -> int:
        """Delete what is overdue, until `stop` is set; how many violations.

        Raises UsageError where the key does not fit the chain, EvidenceError, StoreError.
        """
        count = 0
        with open_records(self.run, self.by, self.signer) as records:
            for record, why in overdue(records, retention, self.sizes, datetime.now(UTC)):
                if stop.is_set():
                    break
                self.sizes.forget(record.id)
                try:
                    found = records.find(record.id)
                except UsageError:
                    continue  # somebody else deleted it meanwhile
                entry = purge(records, found, why)
                count += 1
                _log.info("%s deleted, entry %d: %s", record.id, entry.sequence, why)
            drop_near_misses(records, retention, datetime.now(UTC), stop)
        return count
