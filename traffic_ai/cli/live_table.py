"""The table of watched cameras: live on a terminal, else a line when something changes."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from traffic_ai.evidence.words import one_line
from traffic_ai.watch.view import CameraView, UpkeepView

_log = logging.getLogger(__name__)

_SETTLED = 150
"""Frames received before a camera is said to be thinned: its rate is over the last seconds."""
_COLUMNS = ("camera", "state", "stream fps", "analysed fps", "lag s", "skipped", "violations")


class LiveTable:
    """Shows the cameras of a watch on standard error.

    only_log: what would be lines goes to the log, which has the cameras' states from elsewhere.
    """

    def __init__(self, *, only_log: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._only_log = only_log
        self._is_live = self._console.is_terminal and not only_log
        self._live = Live(console=self._console, auto_refresh=False)
        self._said: dict[str, tuple[str, int]] = {}
        self._thinned: set[str] = set()

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._live.stop()

    def show(self, views: Sequence[CameraView], upkeep: UpkeepView | None = None) -> None:
        """Show how all is; off a terminal the watch as a whole is left to the log."""
        with suppress(OSError):  # a terminal that is gone ends no watch
            self._show(views, upkeep)

    def _show(self, views: Sequence[CameraView], upkeep: UpkeepView | None) -> None:
        if self._is_live:
            self._live.update(_table(views, upkeep), refresh=True)
            return
        self._say_thinned(views)
        for view in views:
            state = view.status.state.value
            if self._said.get(view.camera_id) == (state, view.violation_count):
                continue
            before = self._said.get(view.camera_id, ("", 0))
            self._said[view.camera_id] = (state, view.violation_count)
            if state != before[0] and not self._only_log:
                detail = f" ({view.status.detail})" if view.status.detail else ""
                self._say(view.camera_id, f"{state}{detail}")
            if view.violation_count > before[1] and view.last_violation is not None:
                self._say(view.camera_id, one_line(view.last_violation))

    def _say(self, camera_id: str, text: str) -> None:
        if self._only_log:
            _log.info("camera %s: %s", camera_id, text)
        else:
            self._console.print(f"{camera_id}: {text}", markup=False, soft_wrap=True)

    def _say_thinned(self, views: Sequence[CameraView]) -> None:
        """Say, once until it is over, that the analysis does not keep up."""
        settled = [view for view in views if view.status.frames_received > _SETTLED]
        thinned = {view.camera_id for view in settled if view.is_thinned}
        if thinned and not self._thinned:
            stream = sum(view.status.received_fps for view in views)
            done = sum(view.analysed_fps for view in views)
            said = (
                f"the analysis keeps up with {done:.0f} of {stream:.0f} frames a second; "
                "frames of all cameras are skipped alike"
            )
            if any(view.is_starved for view in settled):
                said += "; so few are left that hardly anything can be decided: watch fewer cameras"
            if self._only_log:
                _log.warning("%s", said)
            else:
                self._console.print(said, markup=False, soft_wrap=True)
        self._thinned = thinned


def _skipping(view: CameraView) -> str:
    if view.is_starved:
        return " too few to decide"
    return " thinned" if view.is_thinned else ""


def _table(views: Sequence[CameraView], upkeep: UpkeepView | None = None) -> Table:
    caption = None if upkeep is None else Text("\n".join(_upkeep_lines(upkeep)))
    table = Table(*_COLUMNS, "last violation", expand=True, caption=caption, caption_justify="left")
    for view in views:
        status = view.status
        last = one_line(view.last_violation) if view.last_violation is not None else ""
        state = status.state.value + (f": {status.detail}" if status.detail else "")
        table.add_row(
            view.camera_id,
            state,
            f"{status.received_fps:.1f}",
            f"{view.analysed_fps:.1f}" + _skipping(view),
            f"{max(status.lag_s, view.lag_s):.2f}",
            str(status.frames_skipped),
            str(view.violation_count),
            view.trouble or last,
        )
    return table


def _upkeep_lines(upkeep: UpkeepView) -> list[str]:
    evidence = upkeep.evidence
    parts = [f"disk {upkeep.disk_free_bytes / 1e9:.1f} GB free"]
    parts.append(f"evidence {evidence.owed} owed, {evidence.failed} failed")
    parts += [f"{view.name} {view.waiting.queued} waiting" for view in upkeep.deliveries]
    return ["; ".join(parts), *(f"{part}: {detail}" for part, detail in upkeep.alarms)]
