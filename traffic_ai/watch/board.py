"""A watch seen from outside: its status as a file for a second terminal, and as pages over HTTP.

Fed with what the operator's table is fed with. Nothing here holds credentials: views do not.
"""

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from traffic_ai.core.errors import UsageError
from traffic_ai.sources.live_status import CameraState
from traffic_ai.watch.view import CameraView

_log = logging.getLogger(__name__)

STATUS_NAME = "status.json"
STALE_AFTER_S = 10.0
"""A watch that has said nothing for so long does not run, or hangs."""
_EVERY_S = 1.0


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
        "violations": view.violation_count,
        "last_violation": last.id if last is not None else None,
        "trouble": view.trouble,
    }


def write_status(out_dir: Path, views: Sequence[CameraView]) -> None:
    """Leave the status in a run folder. Raises OSError."""
    document = {
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "process": os.getpid(),
        "cameras": [view_row(view) for view in views],
    }
    part = out_dir / f".{STATUS_NAME}.part"
    part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    part.replace(out_dir / STATUS_NAME)


def metrics(views: Sequence[CameraView], out_dir: Path) -> str:
    """The views in Prometheus' text format."""
    return "".join(f"{line}\n" for line in _metric_lines(views, out_dir))


def _metric_lines(views: Sequence[CameraView], out_dir: Path) -> Iterator[str]:
    figures: tuple[tuple[str, str, Callable[[CameraView], float]], ...] = (
        ("frames_received_total", "counter", lambda v: v.status.frames_received),
        ("frames_skipped_total", "counter", lambda v: v.status.frames_skipped),
        ("frames_dropped_total", "counter", lambda v: v.status.frames_dropped),
        ("frames_analysed_total", "counter", lambda v: v.analysed_count),
        ("reconnects_total", "counter", lambda v: v.status.reconnects),
        ("analysis_errors_total", "counter", lambda v: v.error_count),
        ("violations_total", "counter", lambda v: v.violation_count),
        ("stream_frames_per_second", "gauge", lambda v: v.status.received_fps),
        ("analysed_frames_per_second", "gauge", lambda v: v.analysed_fps),
        ("lag_seconds", "gauge", lambda v: max(v.status.lag_s, v.lag_s)),
        ("unsaved_entries", "gauge", lambda v: v.unsaved_count),
        ("thinned", "gauge", lambda v: int(v.is_thinned)),
    )
    for name, kind, figure in figures:
        yield f"# TYPE traffic_ai_{name} {kind}"
        for view in views:
            yield f'traffic_ai_{name}{{camera="{_label(view.camera_id)}"}} {figure(view)}'
    yield "# TYPE traffic_ai_inference_seconds summary"
    for view in views:
        label = f'{{camera="{_label(view.camera_id)}"}}'
        yield f"traffic_ai_inference_seconds_sum{label} {view.inference_s}"
        yield f"traffic_ai_inference_seconds_count{label} {view.inference_count}"
    yield "# TYPE traffic_ai_camera_state gauge"
    for view in views:
        for state in CameraState:
            labels = f'camera="{_label(view.camera_id)}",state="{state.value}"'
            yield f"traffic_ai_camera_state{{{labels}}} {int(view.status.state is state)}"
    yield "# TYPE traffic_ai_disk_free_bytes gauge"
    yield f"traffic_ai_disk_free_bytes {shutil.disk_usage(out_dir).free}"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Board:
    """Keeps a run folder's status file and, if an address is given, answers over HTTP.

    `/healthz`: 200 while the watch goes round; `/readyz`: 200 while a camera gives pictures;
    `/metrics`: Prometheus. Raises UsageError where the address cannot be had.
    """

    def __init__(self, out_dir: Path, address: tuple[str, int] | None = None) -> None:
        self._out_dir = out_dir
        self._views: tuple[CameraView, ...] = ()
        self._shown_s = time.monotonic()
        self._written_s = -_EVERY_S
        self._complained = False
        self._server: ThreadingHTTPServer | None = None
        if address is not None:
            self._server = _server(self, address)
            threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    @property
    def port(self) -> int | None:
        """Where it answers, None where it does not."""
        return self._server.server_address[1] if self._server is not None else None

    def show(self, views: Sequence[CameraView]) -> None:
        """Take the cameras' present views."""
        self._views, self._shown_s = tuple(views), time.monotonic()
        if self._shown_s - self._written_s < _EVERY_S:
            return
        self._written_s = self._shown_s
        try:
            write_status(self._out_dir, views)
        except OSError as error:
            if not self._complained:
                _log.error("the status cannot be written to %s: %s", self._out_dir, error)
            self._complained = True

    def close(self) -> None:
        """Stop answering; the status file goes, as nothing is watched any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        (self._out_dir / STATUS_NAME).unlink(missing_ok=True)

    def answer(self, path: str) -> tuple[int, str]:
        """The HTTP status and text for a path."""
        quiet_s = time.monotonic() - self._shown_s
        alive = quiet_s < STALE_AFTER_S
        if path == "/healthz":
            return (200, "ok\n") if alive else (503, f"nothing happened for {quiet_s:.0f} s\n")
        if path == "/readyz":
            ready = alive and any(view.status.state.has_pictures for view in self._views)
            states = "".join(f"{v.camera_id}: {v.status.state.value}\n" for v in self._views)
            return (200 if ready else 503), states
        if path == "/metrics":
            return 200, metrics(self._views, self._out_dir)
        return 404, "there are /healthz, /readyz and /metrics\n"


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT, or a port alone for the loopback. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text!r} is not an address; write 9464 or 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def _server(board: Board, address: tuple[str, int]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, text = board.answer(self.path.partition("?")[0])
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not logged: a scraper makes one every few seconds."""

    try:
        return ThreadingHTTPServer(address, Handler)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {address[0]}:{address[1]}: {error.strerror}; give another --listen"
        ) from error
