"""The records of a run folder as people handle them: every look and every act enters the chain.

A decision or deletion is entered first, then the store follows. Whoever opens the records next
brings the store up with what a killed process left behind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from traffic_ai.core.errors import EvidenceError, TrafficAiError, UsageError
from traffic_ai.core.record import (
    DocumentedViolation,
    EvidenceState,
    RejectionReason,
    Review,
    ReviewState,
    StoredViolation,
)
from traffic_ai.evidence.chain import Chain, chained_cameras
from traffic_ai.evidence.keys import Signer
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.package import package_folder as place_of_package
from traffic_ai.evidence.seal import (
    DELETION_KIND,
    READ_KIND,
    REVIEW_KIND,
    Entry,
    Json,
    utc_moment,
)
from traffic_ai.stores.changes import RecordChanges
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME

# Long enough for a name or a remark; a chain is kept for ever.
LONGEST_TEXT = 500
# How many records an entry names; of more it tells the number.
MOST_NAMED = 100


def _now() -> datetime:
    return datetime.now(UTC)


class Records:
    """The records of one run folder in the hands of one person.

    by: who acts, as they say of themselves; only looking through lists needs nobody. Methods raise
    UsageError where the call is wrong or the key does not fit the chain, EvidenceError, StoreError.
    """

    def __init__(
        self,
        run: Path,
        store: ViolationStore,
        by: str = "",
        signer: Signer | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.run = run
        self.store = store
        self._by = by
        self._signer = signer
        self._now = now

    @property
    def by(self) -> str:
        """Who acts. Raises UsageError where that is nobody."""
        return checked_text("the name of who acts", self._by, needed=True)

    def chain(self, camera_id: str) -> Chain:
        """The chain of a camera."""
        return Chain(self.run / EVIDENCE_NAME, camera_id, self._signer, self._now)

    def find(self, beginning: str) -> DocumentedViolation:
        """The record whose id begins so. Raises UsageError where there is none, or several."""
        record_id = whole_id(self.store, self.run, beginning)
        return next(self.store.documents(RecordFilter(ids=(record_id,))))

    def note_read(self, records: Sequence[StoredViolation], how: str) -> None:
        """Enter that records were looked at, each in its camera's chain."""
        by_camera: dict[str, list[Json]] = {}
        for record in records:
            by_camera.setdefault(record.camera_id, []).append(record.id)
        for camera_id, ids in by_camera.items():
            payload: Mapping[str, Json] = {"records": ids, "how": how, "by": self.by}
            self._entered(self.chain(camera_id), READ_KIND, payload)

    def decide(
        self,
        record: StoredViolation,
        state: ReviewState,
        reason: RejectionReason | None = None,
        note: str = "",
    ) -> Review:
        """Confirm or reject a record; the decision in force from now on."""
        _check_decision(state, reason, note)
        note = checked_text("the note", note)
        with self.changing(record.camera_id) as changes:
            check_there(changes, record.id)
            entry = self._entered(
                self.chain(record.camera_id),
                REVIEW_KIND,
                decision_payload(record.id, Review(state, reason, note, self.by)),
            )
            review = _review(entry)
            changes.review(record.id, review)
        return review

    def history(self, record: StoredViolation) -> list[Entry]:
        """Every entry of the chain that is about the record, in order."""
        path = "/".join(package_place(self.run, record).parts[-3:])
        found = []
        for entry in self.chain(record.camera_id).entries():
            about = entry.payload.get("records")
            if (
                entry.payload.get("record") == record.id
                or (isinstance(about, list) and record.id in about)
                or entry.payload.get("path") == path
            ):
                found.append(entry)
        return found

    @contextmanager
    def changing(self, camera_id: str) -> Iterator[RecordChanges]:
        """A transaction on the store once it has followed the camera's chain."""
        with self.store.changing() as changes:
            self._follow(changes, camera_id)
            yield changes

    def _follow(self, changes: RecordChanges, camera_id: str) -> None:
        """Bring the store up with decisions and deletions that the chain has and it has not."""
        kinds = (REVIEW_KIND, DELETION_KIND)
        for entry in self.chain(camera_id).entries(kinds, changes.followed(camera_id)):
            record = entry.payload.get("record")
            if not isinstance(record, str):
                continue
            if entry.kind == REVIEW_KIND and changes.has(record):
                try:
                    changes.review(record, _review(entry))
                except ValueError:
                    raise EvidenceError(
                        f"entry {entry.sequence} of the chain of {camera_id!r} is no decision; "
                        "look at it with `traffic-ai verify`"
                    ) from None
            elif entry.kind == DELETION_KIND:
                at = utc_moment(entry.sealed_at)
                changes.delete(record, camera_id, at, entry.sequence)

    def _entered(self, chain: Chain, kind: str, payload: Mapping[str, Json]) -> Entry:
        try:
            return chain.add(kind, payload)
        except OSError as error:
            raise EvidenceError(
                f"nothing was done: it cannot be entered in the chain ({error.strerror}: "
                f"{error.filename})"
            ) from error


@contextmanager
def open_records(
    run: Path,
    by: str = "",
    signer: Signer | None = None,
    now: Callable[[], datetime] = _now,
) -> Iterator[Records]:
    """The records of a run folder, the store up with the chains."""
    if not (run / STORE_NAME).is_file():
        raise UsageError(f"{run} holds no {STORE_NAME}; name the folder that an analysis wrote to")
    with ViolationStore.open(run / STORE_NAME) as store:
        records = Records(run, store, by, signer, now)
        for camera_id in chained_cameras(run / EVIDENCE_NAME):
            records.chain(camera_id).sweep()
            with records.changing(camera_id):
                pass
        yield records


def whole_id(store: ViolationStore, run: Path, beginning: str) -> str:
    """The only id that begins so. Raises UsageError where there is none, or several."""
    ids = store.ids_like(beginning)
    if not beginning or not ids:
        raise UsageError(
            f"there is no record {beginning!r} in {run}; `traffic-ai review {run} list` shows them"
        )
    if len(ids) > 1:
        raise UsageError(f"several records begin with {beginning!r}; give more of the id")
    return ids[0]


def note_table(
    run: Path, counts: Mapping[str, int], how: str, by: str, signer: Callable[[], Signer | None]
) -> list[str]:
    """Enter that a table of so many records by camera was read, where there is a chain; what could
    not be.

    A run folder that somebody was handed, without key or leave to write, can be read too.
    """
    problems = []
    for camera_id, count in sorted(counts.items()):
        chain = Chain(run / EVIDENCE_NAME, camera_id)
        if chain.exists():
            problems += _noted(chain, {"how": how, "count": count}, by, signer)
    return problems


def note_packages_read(
    packages: Sequence[Path], how: str, by: str, signer: Callable[[], Signer | None]
) -> list[str]:
    """Enter that packages were read, each in its camera's chain; what could not be.

    One that was handed to somebody without its run folder can be read too, and so can one for
    whose chain there is no key, or no leave to write.
    """
    problems = []
    by_folder: dict[Path, list[Json]] = {}
    for package in packages:
        whole = package.resolve()
        by_folder.setdefault(whole.parents[min(2, len(whole.parents) - 1)], []).append(whole.name)
    for folder, names in by_folder.items():
        try:
            cameras = [c for c in chained_cameras(folder.parent) if folder_name(c) == folder.name]
        except (EvidenceError, OSError) as error:
            problems.append(f"no chain says that you read this: {error}")
            continue
        if not cameras:
            problems.append(f"no chain says that you read this: there is none in {folder}")
            continue
        payload: dict[str, Json] = {"how": how, "records": names}
        if len(names) > MOST_NAMED:
            payload = {"how": how, "count": len(names)}
        problems += _noted(Chain(folder.parent, cameras[0]), payload, by, signer)
    return problems


def _noted(
    chain: Chain, payload: Mapping[str, Json], by: str, signer: Callable[[], Signer | None]
) -> list[str]:
    try:
        signed = chain.signed_by(signer())
        signed.add(READ_KIND, {**payload, "by": checked_text("--by", by, needed=True)})
    except (TrafficAiError, OSError) as error:
        return [f"the chain of {chain.camera_id!r} does not say that you read it: {error}"]
    return []


def check_there(changes: RecordChanges, record_id: str) -> None:
    """Raise UsageError where a record is not there any more."""
    if not changes.has(record_id):
        raise UsageError(f"the record {record_id} was deleted meanwhile")


def package_place(run: Path, record: StoredViolation) -> Path:
    """Where a record's package lies if it has one, as its camera, kind, day and id say."""
    at = record.occurred_at.utc if record.occurred_at else None
    root = run / EVIDENCE_NAME
    return place_of_package(root, record.camera_id, record.kind.value, at, record.id)


def package_folder(run: Path, record: StoredViolation) -> Path | None:
    """Where a record's package lies; None where it has none. Raises EvidenceError where the row
    names another place than its own, as one that somebody altered may.
    """
    if record.evidence_state is not EvidenceState.WRITTEN or record.evidence_path is None:
        return None
    place = package_place(run, record)
    if record.evidence_path != place.relative_to(run).as_posix():
        raise EvidenceError(
            f"the record {record.id} names {record.evidence_path!r}, which is no package of its; "
            "look at the run with `traffic-ai verify`"
        )
    return place


def decision_payload(record: str, review: Review) -> dict[str, Json]:
    """A decision as the chain holds it; when it was made is the entry's own time."""
    return {
        "record": record,
        "state": review.state.value,
        "reason": review.reason.value if review.reason else None,
        "note": review.note,
        "by": review.by,
    }


def checked_text(what: str, text: str, *, needed: bool = False) -> str:
    """A text that can stand in the chain and on a screen. Raises UsageError."""
    text = text.strip()
    if needed and not text:
        raise UsageError(f"{what} is empty; give it")
    if len(text) > LONGEST_TEXT:
        raise UsageError(f"{what} has {len(text)} characters; at most {LONGEST_TEXT} are kept")
    if not text.isprintable():
        raise UsageError(f"{what} {text!r} holds what cannot be printed; leave that out")
    return text


def _check_decision(state: ReviewState, reason: RejectionReason | None, note: str) -> None:
    if state is ReviewState.PROPOSED:
        raise UsageError("a decision is to confirm or to reject")
    if (state is ReviewState.REJECTED) != (reason is not None):
        raise UsageError("a rejection has a reason, and a confirmation none")
    if reason is RejectionReason.OTHER and not note.strip():
        raise UsageError("the reason `other` needs a note that says which")


def _review(entry: Entry) -> Review:
    """The decision of an entry. Raises ValueError where it holds none."""
    payload = entry.payload
    reason = payload.get("reason")
    review = Review(
        ReviewState(str(payload.get("state"))),
        RejectionReason(str(reason)) if reason is not None else None,
        str(payload.get("note")),
        str(payload.get("by")),
    )
    return replace(review, at=utc_moment(entry.sealed_at), chain_entry=entry.sequence)
