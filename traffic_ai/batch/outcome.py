"""What became of each file of a batch, and who is told while it goes on."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from traffic_ai.core.violation import Violation


class FileState(StrEnum):
    """What became of a file."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(slots=True)
class FileOutcome:
    """What became of a file. frame_count and duration_s: what was analysed of it; look_count: the
    frames the detector was shown.
    """

    path: Path
    camera_id: str
    state: FileState = FileState.DONE
    message: str = ""
    frame_count: int = 0
    look_count: int = 0
    duration_s: float = 0.0
    new_violations: list[Violation] = field(default_factory=list)
    violation_count: int = 0
    near_miss_count: int = 0
    evidence_problems: int = 0
    notes: list[str] = field(default_factory=list)


class Listener(Protocol):
    """Told what goes on, in the analysing thread."""

    def file_begins(self, path: Path, number: int, total: int, duration_s: float | None) -> None:
        """A file is about to be analysed."""
        ...

    def frame_done(self, t_s: float, from_log: bool) -> None:
        """A frame of it was done with; from_log: what was seen last was known from before."""
        ...

    def violation_found(self, violation: Violation) -> None:
        """A violation that the store did not have was recorded."""
        ...

    def file_ended(self, outcome: FileOutcome) -> None:
        """The file is done with."""
        ...
