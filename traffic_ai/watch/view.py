"""What an operator sees of a watch and its cameras; handed to tables, pages and files."""

from dataclasses import dataclass

from traffic_ai.core.violation import Violation
from traffic_ai.delivery import DeliveryView
from traffic_ai.sources.live_status import CameraState, LiveStatus

_THINNED_SHARE = 0.9
_STARVED_FPS = 2.0
"""Below it the red-light rule has gaps that it does not decide over (rules/crossing.py)."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """What an operator sees of a camera.

    status: its state and detail are those of stream and picture together. analysed_fps: over the
    last 5 s. lag_s: how old the frames of that time were, at most, when they had been analysed.
    reader_pid: the process that reads the stream, None where there is none at the moment.
    inference_count, inference_s: how often the detector looked, and how long that took in all.
    error_count: how often the analysis broke and was begun anew. trouble: what is wrong just now
    with it, with the store that takes its records, or with signals that cannot be read.
    unsaved_count: entries that the store refused and that are tried again. lost_count: those that
    are lost, as too many waited.
    """

    camera_id: str
    status: LiveStatus
    analysed_fps: float
    violation_count: int
    last_violation: Violation | None
    trouble: str
    lag_s: float = 0.0
    analysed_count: int = 0
    reader_pid: int | None = None
    inference_count: int = 0
    inference_s: float = 0.0
    error_count: int = 0
    unsaved_count: int = 0
    lost_count: int = 0

    @property
    def is_starved(self) -> bool:
        """Whether so few frames are analysed that hardly anything can be decided."""
        return self.is_thinned and self.analysed_fps < _STARVED_FPS

    @property
    def is_thinned(self) -> bool:
        """Whether frames are skipped because the analysis is slower than the stream."""
        judged = self.status.state in (CameraState.LIVE, CameraState.DEGRADED)
        return judged and self.analysed_fps < _THINNED_SHARE * self.status.received_fps


@dataclass(frozen=True, slots=True)
class EvidenceCounts:
    """Packages that are owed, and what became of the others. `unnoted`: the store does not know
    yet.
    """

    owed: int = 0
    written: int = 0
    failed: int = 0
    unnoted: int = 0


@dataclass(frozen=True, slots=True)
class UpkeepView:
    """What an operator sees of a watch as a whole. deleted_count: records beyond their retention.
    `alarms`: what needs somebody, by part.
    """

    disk_free_bytes: int
    disk_is_full: bool
    evidence: EvidenceCounts
    deliveries: tuple[DeliveryView, ...]
    deleted_count: int
    alarms: tuple[tuple[str, str], ...]
