"""The table of watched cameras: live on a terminal, else a line when something changes."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from traffic_ai.evidence.words import one_line
from traffic_ai.watch.camera import CameraView

_COLUMNS = ("camera", "state", "stream fps", "analysed fps", "lag s", "skipped", "violations")


class LiveTable:
    """Shows the cameras of a watch on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._said: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, views: Sequence[CameraView]) -> None:
        """Show how the cameras are."""
        if self._console.is_terminal:
            self._live.update(_table(views), refresh=True)
            return
        for view in views:
            state = view.status.state.value
            if self._said.get(view.camera_id) == (state, view.violation_count):
                continue
            before = self._said.get(view.camera_id, ("", 0))
            self._said[view.camera_id] = (state, view.violation_count)
            if state != before[0]:
                detail = f" ({view.status.detail})" if view.status.detail else ""
                self._console.print(
                    f"{view.camera_id}: {state}{detail}", markup=False, soft_wrap=True
                )
            if view.violation_count > before[1] and view.last_violation is not None:
                said = f"{view.camera_id}: {one_line(view.last_violation)}"
                self._console.print(said, markup=False, soft_wrap=True)


def view_row(view: CameraView) -> dict[str, object]:
    """A camera's view as JSON types."""
    last = view.last_violation
    return {
        "camera": view.camera_id,
        "state": view.status.state.value,
        "detail": view.status.detail,
        "stream_fps": round(view.status.received_fps, 2),
        "analysed_fps": round(view.analysed_fps, 2),
        "lag_s": view.status.lag_s,
        "frames_received": view.status.frames_received,
        "frames_skipped": view.status.frames_skipped,
        "reconnects": view.status.reconnects,
        "violations": view.violation_count,
        "last_violation": last.id if last is not None else None,
        "trouble": view.trouble,
    }


def _table(views: Sequence[CameraView]) -> Table:
    table = Table(*_COLUMNS, "last violation", expand=True)
    for view in views:
        status = view.status
        lag = f"{status.lag_s:.2f}" if status.lag_s is not None else ""
        last = one_line(view.last_violation) if view.last_violation is not None else ""
        state = status.state.value + (f": {status.detail}" if status.detail else "")
        table.add_row(
            view.camera_id,
            state,
            f"{status.received_fps:.1f}",
            f"{view.analysed_fps:.1f}",
            lag,
            str(status.frames_skipped),
            str(view.violation_count),
            view.trouble or last,
        )
    return table
