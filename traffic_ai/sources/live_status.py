"""How a live camera stands: the states an operator is told, and the figures beside them."""

from dataclasses import dataclass
from enum import StrEnum

from traffic_ai.core.errors import SourceError, SourceNotFoundError, SourceUnauthorizedError
from traffic_ai.sources.arrival import is_true_pace
from traffic_ai.sources.connection import SourceStalledError

_CLOCK_NOTE_S = 2.0


class CameraState(StrEnum):
    """How a camera stands.

    The first seven are told by its stream. The others are told by its picture: nobody is judged
    in them, but where DEGRADED ends with the next whole picture.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    STALLED = "stalled"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    OFFLINE = "offline"
    FROZEN = "frozen"
    BLACK = "black"
    MOVED = "moved"
    MISMATCHED = "mismatched"

    @property
    def has_pictures(self) -> bool:
        """Whether frames come."""
        return self not in _WITHOUT_PICTURES


_WITHOUT_PICTURES = frozenset(
    (
        CameraState.CONNECTING,
        CameraState.STALLED,
        CameraState.UNAUTHORIZED,
        CameraState.NOT_FOUND,
        CameraState.OFFLINE,
    )
)


def state_after(error: SourceError) -> CameraState:
    """The state in which an error leaves a camera."""
    if isinstance(error, SourceUnauthorizedError):
        return CameraState.UNAUTHORIZED
    if isinstance(error, SourceNotFoundError):
        return CameraState.NOT_FOUND
    if isinstance(error, SourceStalledError):
        return CameraState.STALLED
    return CameraState.OFFLINE


def clock_note(pace: float | None, clock_ahead_s: float | None, host_step_s: float) -> str:
    """What is to be said of a camera's time, "" where all is well; see LiveStatus, HostMoment."""
    if not is_true_pace(pace):
        return (
            f"time stamps advance {pace or 0.0:.2f} s in a second, so nothing that rests on time "
            "is reported; check the camera's frame rate setting"
        )
    if host_step_s:
        return f"the host's clock was set by {host_step_s:+.0f} s and is not synchronised (NTP)"
    if clock_ahead_s and abs(clock_ahead_s) > _CLOCK_NOTE_S:
        way = "ahead of" if clock_ahead_s > 0.0 else "behind"
        return f"its clock is {abs(clock_ahead_s):.0f} s {way} the host's"
    return ""


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A camera at a glance; nothing in it holds credentials.

    frames_skipped: received while an earlier one waited, so never handed out. frames_dropped:
    without a usable time stamp. reconnects: connections after the first. received_fps: over the
    last 5 s. last_frame_age_s: None before the first frame. lag_s: how much later than the best of
    the last minute the newest frame came. pace: how many seconds the time stamps advance in a
    second, None while it is not known. clock_ahead_s: the camera's wall clock less the host's,
    None where the camera tells none.
    """

    state: CameraState
    detail: str
    frames_received: int
    frames_skipped: int
    frames_dropped: int
    reconnects: int
    received_fps: float
    last_frame_age_s: float | None
    lag_s: float
    pace: float | None = None
    clock_ahead_s: float | None = None
