"""The progress of a batch on standard error: a bar on a terminal, else a line a file."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from traffic_ai.batch.outcome import FileOutcome
from traffic_ai.cli.words import several
from traffic_ai.core.violation import Violation
from traffic_ai.evidence.words import one_line

_UPDATE_S = 0.1


class BatchProgress:
    """Shows how far a batch is; implements `traffic_ai.batch.outcome.Listener`."""

    def __init__(self, bars: Progress | None = None) -> None:
        self._console = Console(stderr=True, highlight=False) if bars is None else bars.console
        self._bars = bars or Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = 0.0
        self._updated = 0.0
        self._frames = 0

    def beside(self) -> "BatchProgress":
        """Another that shows a file analysed at the same time, under this one's bar."""
        return BatchProgress(self._bars)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def file_begins(self, path: Path, number: int, total: int, duration_s: float | None) -> None:
        """Show a bar for the file."""
        self._task = self._bars.add_task(
            f"[{number}/{total}] {path.name}", total=duration_s, speed=""
        )
        self._began = time.monotonic()
        self._frames = 0

    def frame_done(self, t_s: float, from_log: bool) -> None:
        """Move the bar on, at most ten times a second."""
        self._frames += 1
        now = time.monotonic()
        if self._task is None or now - self._updated < _UPDATE_S:
            return
        self._updated = now
        fps = self._frames / max(now - self._began, 1e-6)
        note = "catching up" if from_log else f"{fps:.0f} frames/s"
        self._bars.update(self._task, completed=t_s, speed=note)

    def violation_found(self, violation: Violation) -> None:
        """Print a new violation."""
        self._console.print(f"  {one_line(violation)}", markup=False, soft_wrap=True)

    def file_ended(self, outcome: FileOutcome) -> None:
        """Take the bar away and print what became of the file."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        said = f"{outcome.path.name}: {outcome.state.value}"
        if outcome.message:
            said += f" ({outcome.message})"
        if outcome.frame_count:
            seconds = max(time.monotonic() - self._began, 1e-6)
            said += (
                f", {outcome.duration_s:.1f} s of video at "
                f"{outcome.frame_count / seconds:.1f} frames/s, "
                f"{several(outcome.violation_count, 'violation')}, "
                f"{several(outcome.near_miss_count, 'near miss')}"
            )
        self._console.print(said, markup=False, soft_wrap=True)
        if outcome.evidence_problems:
            said = (
                f"  note: {outcome.evidence_problems} problems with evidence; its records say what"
            )
            self._console.print(said, markup=False, soft_wrap=True)
        for note in outcome.notes:
            self._console.print(f"  note: {note}", markup=False, soft_wrap=True)
