"""What an earlier watch that was killed left behind: packages half made, and records that wait for
evidence that nobody can make any more.
"""

from pathlib import Path

from traffic_ai.core.record import EvidenceState
from traffic_ai.evidence.chain import Chain, chained_cameras
from traffic_ai.evidence.manifest import problems_in
from traffic_ai.evidence.package import clear_below, package_folder
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter
from traffic_ai.stores.run_folder import EVIDENCE_NAME

NEVER_WRITTEN = (
    "no evidence was written while the camera's pictures were there: the watch was ended before it"
)


def settle_remains(out_dir: Path, store: ViolationStore) -> None:
    """Clear half packages away, and have each record of a live camera say what it has.

    To be called before a watch begins. Raises StoreError, EvidenceError.
    """
    root = out_dir / EVIDENCE_NAME
    for camera_id in chained_cameras(root):
        Chain(root, camera_id).settle()
    clear_below(root)
    unsettled = RecordFilter(evidence_states=(EvidenceState.PENDING, EvidenceState.FAILED))
    for record in list(store.violations(unsettled)):
        if "://" not in record.source:
            continue  # a recording's evidence is made when it is analysed again
        at = record.occurred_at.utc if record.occurred_at else None
        folder = package_folder(root, record.camera_id, record.kind.value, at, record.id)
        if folder.is_dir():
            path = folder.relative_to(out_dir).as_posix()
            problems = "; ".join(problems_in(folder))
            store.set_evidence(record.id, EvidenceState.WRITTEN, path, problems)
        elif record.evidence_state is EvidenceState.PENDING:
            store.set_evidence(record.id, EvidenceState.FAILED, None, NEVER_WRITTEN)
