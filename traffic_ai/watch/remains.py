"""What an earlier watch that was killed left behind: packages half made, and records that wait for
evidence that nobody can make any more.
"""

import logging
from pathlib import Path

from traffic_ai.core.errors import TrafficAiError
from traffic_ai.core.record import EvidenceState
from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.manifest import problems_in
from traffic_ai.evidence.package import clear_camera_remains, package_folder
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter
from traffic_ai.stores.run_folder import EVIDENCE_NAME

_log = logging.getLogger(__name__)

NEVER_WRITTEN = (
    "no evidence was written while the camera's pictures were there: the watch was ended before it"
)


def settle_remains(out_dir: Path, store: ViolationStore) -> None:
    """Clear half packages away, and have each record of a live camera say what it has.

    To be called before a watch begins. Raises StoreError.
    """
    root = out_dir / EVIDENCE_NAME
    for camera_folder in root.glob("*/"):
        clear_camera_remains(camera_folder)
    unsettled = RecordFilter(evidence_states=(EvidenceState.PENDING, EvidenceState.FAILED))
    # What is no URL is a recording, whose evidence is made when it is analysed again.
    records = [record for record in store.violations(unsettled) if "://" in record.source]
    whole = {camera_id: _settled(root, camera_id) for camera_id in {r.camera_id for r in records}}
    for record in records:
        if not whole[record.camera_id]:
            continue
        at = record.occurred_at.utc if record.occurred_at else None
        folder = package_folder(root, record.camera_id, record.kind.value, at, record.id)
        if folder.is_dir():
            path = folder.relative_to(out_dir).as_posix()
            problems = "; ".join(problems_in(folder))
            store.set_evidence(record.id, EvidenceState.WRITTEN, path, problems)
        elif record.evidence_state is EvidenceState.PENDING:
            store.set_evidence(record.id, EvidenceState.FAILED, None, NEVER_WRITTEN)


def _settled(root: Path, camera_id: str) -> bool:
    """Finish what a killed process began in a camera's chain; whether the chain is sound."""
    try:
        Chain(root, camera_id).settle()
    except (TrafficAiError, OSError) as error:
        _log.error("camera %s: its records are left as they are: %s", camera_id, error)
        return False
    return True
