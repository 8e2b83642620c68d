"""How a watch stands, as JSON: for a second terminal, scripts, and those who listen to it.

Nothing here holds credentials: views do not.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from traffic_ai.watch.view import CameraView, UpkeepView

STATUS_NAME = "status.json"
STALE_AFTER_S = 10.0
"""A watch that has said nothing for so long does not run, or hangs."""


def view_row(view: CameraView) -> dict[str, object]:
    """A camera's view as JSON types."""
    last, status = view.last_violation, view.status
    return {
        "camera": view.camera_id,
        "state": status.state.value,
        "detail": status.detail,
        "stream_fps": round(status.received_fps, 2),
        "analysed_fps": round(view.analysed_fps, 2),
        "thinned": view.is_thinned,
        "starved": view.is_starved,
        "lag_s": round(max(status.lag_s, view.lag_s), 3),
        "frames_received": status.frames_received,
        "frames_skipped": status.frames_skipped,
        "frames_dropped": status.frames_dropped,
        "frames_analysed": view.analysed_count,
        "reconnects": status.reconnects,
        "pace": status.pace,
        "clock_ahead_s": status.clock_ahead_s,
        "inference_s": round(view.inference_s / max(view.inference_count, 1), 4),
        "errors": view.error_count,
        "unsaved": view.unsaved_count,
        "lost": view.lost_count,
        "violations": view.violation_count,
        "last_violation": last.id if last is not None else None,
        "trouble": view.trouble,
    }


def upkeep_row(upkeep: UpkeepView) -> dict[str, object]:
    """How a watch as a whole stands, as JSON types."""
    evidence = upkeep.evidence
    return {
        "disk": {"free_bytes": upkeep.disk_free_bytes, "full": upkeep.disk_is_full},
        "evidence": {
            "owed": evidence.owed,
            "written": evidence.written,
            "failed": evidence.failed,
            "unnoted": evidence.unnoted,
        },
        "deliveries": [
            {
                "name": view.name,
                "waiting": view.waiting.queued,
                "waiting_bytes": view.waiting.queued_bytes,
                "oldest_at": view.waiting.oldest_at.isoformat() if view.waiting.oldest_at else None,
                "delivered": view.waiting.delivered,
                "dropped": view.waiting.dropped,
                "refused": view.waiting.refused,
                "trouble": view.trouble,
            }
            for view in upkeep.deliveries
        ],
        "deleted": upkeep.deleted_count,
        "alarms": [{"part": part, "detail": detail} for part, detail in upkeep.alarms],
    }


def status_document(views: Sequence[CameraView], upkeep: UpkeepView | None) -> dict[str, object]:
    """All of it, with the moment and the process."""
    document: dict[str, object] = {
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "process": os.getpid(),
        "cameras": [view_row(view) for view in views],
    }
    return document | (upkeep_row(upkeep) if upkeep is not None else {})


def status_text(views: Sequence[CameraView], upkeep: UpkeepView) -> str:
    """The document as one line."""
    return json.dumps(status_document(views, upkeep), separators=(",", ":"))


def write_status(
    out_dir: Path, views: Sequence[CameraView], upkeep: UpkeepView | None = None
) -> None:
    """Leave the status in a run folder. Raises OSError."""
    part = out_dir / f".{STATUS_NAME}.part"
    text = json.dumps(status_document(views, upkeep), indent=1)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(out_dir / STATUS_NAME)
