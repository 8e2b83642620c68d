"""A watch seen from outside: its status as a file for a second terminal, and as pages over HTTP.

Fed with what the operator's table is fed with. Nothing here holds credentials: views do not.
"""

import logging
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from traffic_ai.core.errors import UsageError
from traffic_ai.watch.metrics import metrics
from traffic_ai.watch.status import STALE_AFTER_S, STATUS_NAME, write_status
from traffic_ai.watch.view import CameraView, UpkeepView

_log = logging.getLogger(__name__)

_EVERY_S = 1.0


class Board:
    """Keeps a run folder's status file and, if an address is given, answers over HTTP.

    `/healthz`: 200 while the watch goes round; `/readyz`: 200 while a camera gives pictures;
    `/metrics`: Prometheus. Raises UsageError where the address cannot be had.
    """

    def __init__(self, out_dir: Path, address: tuple[str, int] | None = None) -> None:
        self._out_dir = out_dir
        self._views: tuple[CameraView, ...] = ()
        self._upkeep: UpkeepView | None = None
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

    def show(self, views: Sequence[CameraView], upkeep: UpkeepView | None = None) -> None:
        """Take the present views of the cameras and the watch."""
        self._views, self._upkeep, self._shown_s = tuple(views), upkeep, time.monotonic()
        if self._shown_s - self._written_s < _EVERY_S:
            return
        self._written_s = self._shown_s
        try:
            write_status(self._out_dir, views, upkeep)
        except OSError as error:
            if not self._complained:
                _log.error("the status cannot be written to %s: %s", self._out_dir, error)
            self._complained = True

    def close(self) -> None:
        """Stop answering; the status file goes, as nothing is watched any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._written_s > 0.0:  # else it is another watch's, which has the run folder
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
            return 200, metrics(self._views, self._upkeep)
        return 404, "there are /healthz, /readyz and /metrics\n"


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT, or a port alone for the loopback. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text!r} is not an address; write 9464 or 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def _server(board: Board, address: tuple[str, int]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0  # a caller that says nothing holds a thread no longer

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
