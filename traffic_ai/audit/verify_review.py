"""The store's decisions and deletions held against the chains: the last one of each is in force."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from traffic_ai.audit.records import decision_payload
from traffic_ai.audit.verify_chain import ReadChain
from traffic_ai.audit.verify_report import Report
from traffic_ai.core.record import NOT_REVIEWED, Review, StoredViolation
from traffic_ai.evidence.chain import CHAIN
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

    def row(self, where: str, stored: StoredViolation) -> None:
        """Whether the violation's state of review is the last one in the chain."""
        camera, found = folder_name(stored.camera_id), stored.review
        entry = self._left.pop((camera, stored.id), None)
        if entry is None and found == NOT_REVIEWED:
            return
        if _same(stored.id, found, entry) or self._decided_since(camera, stored):
            return
        what = "its review is not the last one in the chain"
        if entry is not None and found.chain_entry < entry.sequence:
            what += " (`traffic-ai review` follows the chain, if a program was killed just then)"
        self._report.accuse(where, what, _told(entry), _text(found))

    def unsealed(self, where: str, stored: StoredViolation) -> None:
        """Note a row without a package that is of a deleted record."""
        chain = self._chains.get(folder_name(stored.camera_id))
        if chain is not None and stored.id in chain.deleted:
            self._report.note(
                where,
                "it is there, and its chain says that it was deleted (`traffic-ai review` follows "
                "the chain, if a program was killed just then)",
            )

    def end(self, deleted: Mapping[str, Sequence[str]]) -> None:
        """Decided records that are gone, and deletions (ids by camera) that no chain knows."""
        for (_, record), entry in self._left.items():
            where = f"{STORE_NAME} violation {record}"
            self._report.accuse(where, f"entry {entry.sequence} decides on it, and it is gone")
        for camera_id, records in deleted.items():
            chain = self._chains.get(folder_name(camera_id))
            for record in records:
                if chain is None or record not in chain.deleted:
                    where = f"{STORE_NAME} violation {record}"
                    self._report.accuse(where, "it was deleted, and no chain says so")

    def _decided_since(self, camera: str, stored: StoredViolation) -> bool:
        """Whether it was decided on after its camera's chain was read."""
        number = stored.review.chain_entry
        if camera not in self._chains or number <= len(self._chains[camera].line_hashes):
            return False
        try:
            lines = (self._run / EVIDENCE_NAME / camera / CHAIN).read_bytes().split(b"\n")
            return _same(stored.id, stored.review, Entry.read(lines[number - 1]))
        except (OSError, ValueError, IndexError):
            return False


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
