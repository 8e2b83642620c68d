"""The store's decisions and deletions held against the chains: the last one of each is in force."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from traffic_ai.audit.records import decision_payload
from traffic_ai.audit.verify_chain import ReadChain, entry_since
from traffic_ai.audit.verify_report import Report
from traffic_ai.core.record import NOT_REVIEWED, Review, StoredViolation
from traffic_ai.evidence.package import folder_name
from traffic_ai.evidence.seal import REVIEW_KIND, Entry, utc_text
from traffic_ai.stores.run_folder import EVIDENCE_NAME, STORE_NAME


class ReviewCheck:
    """Takes the store's rows one by one; what the chains hold beyond them shows at the end."""

    def __init__(self, run: Path, chains: Mapping[str, ReadChain], report: Report) -> None:
        self._run = run
        self._report = report
        self._chains = chains
        self._left = {
            (camera, record): entry
            for camera, chain in chains.items()
            for record, entry in chain.reviews.items()
        }
        self._deleted = {
            (camera, record) for camera, chain in chains.items() for record in chain.deleted
        }

    def row(self, where: str, stored: StoredViolation) -> None:
        """Whether the violation's state of review is the last one in the chain, and it is there."""
        camera, found = folder_name(stored.camera_id), stored.review
        self._note_deleted(where, camera, stored.id)
        entry = self._left.pop((camera, stored.id), None)
        if entry is None and found == NOT_REVIEWED:
            return
        if _same(stored.id, found, entry) or self._decided_since(camera, stored):
            return
        what = "its review is not the last one in the chain"
        if entry is not None and found.chain_entry < entry.sequence:
            what += " (`traffic-ai review` follows the chain, if a program was killed just then)"
        self._report.accuse(where, what, _told(entry), _text(found))

    def _note_deleted(self, where: str, camera: str, record: str) -> None:
        """Note a row that is of a deleted record."""
        if (camera, record) in self._deleted:
            self._deleted.remove((camera, record))
            self._report.note(
                where,
                "it is there, and its chain says that it was deleted (`traffic-ai review` follows "
                "the chain, if a program was killed just then)",
            )

    def end(self, deleted: Mapping[str, Sequence[str]]) -> None:
        """Decided records that are gone, and deletions (ids by camera) that no chain knows, or that
        the store does not: it would take such a record in again.
        """
        for (_, record), entry in self._left.items():
            where = f"{STORE_NAME} violation {record}"
            self._report.accuse(where, f"entry {entry.sequence} decides on it, and it is gone")
        for camera_id, records in deleted.items():
            camera = folder_name(camera_id)
            chain = self._chains.get(camera)
            for record in records:
                self._deleted.discard((camera, record))
                if chain is None or record not in chain.deleted:
                    where = f"{STORE_NAME} violation {record}"
                    self._report.accuse(where, "it was deleted, and no chain says so")
        for _, record in sorted(self._deleted):
            where = f"{STORE_NAME} violation {record}"
            self._report.accuse(where, "its chain says that it was deleted, and the store does not")

    def _decided_since(self, camera: str, stored: StoredViolation) -> bool:
        """Whether it was decided on after its camera's chain was read."""
        chain = self._chains.get(camera)
        known = chain.line_hashes if chain else []
        entry = entry_since(self._run / EVIDENCE_NAME / camera, known, stored.review.chain_entry)
        return _same(stored.id, stored.review, entry)


def _same(record: str, review: Review, entry: Entry | None) -> bool:
    return (
        entry is not None
        and entry.kind == REVIEW_KIND
        and dict(entry.payload) == decision_payload(record, review)
        and entry.sequence == review.chain_entry
        and review.at is not None
        and entry.sealed_at == utc_text(review.at)
    )


def _told(entry: Entry | None) -> str:
    if entry is None:
        return "proposed"
    told = [str(entry.payload.get(name)) for name in ("state", "reason", "by")]
    return f"{', '.join(told)}, entry {entry.sequence}"


def _text(review: Review) -> str:
    reason = review.reason.value if review.reason else None
    return f"{review.state.value}, {reason}, {review.by}, entry {review.chain_entry}"
