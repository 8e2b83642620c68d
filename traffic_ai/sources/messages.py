"""What a camera's reader process and the watching process tell each other.

Pickled, over one socket, in order: an order goes down; up come the start, the picture
memory, then sessions with their packets and frames, and the end. Slots go back down as
single bytes when their picture is no longer needed.
"""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from traffic_ai.core.frame import FrameInfo
from traffic_ai.sources.clips import Coded
from traffic_ai.sources.live_status import CameraState


@dataclass(frozen=True, slots=True)
class Order:
    """What a reader is to read. `url` holds the credentials, so it is never on a command line.

    pace: that of the camera's stamps as it was known before this connection. utc_offset_s: see
    `HostTime.trusted_s`.
    """

    camera_id: str
    url: str
    stall_timeout_s: float
    pace: float | None = None
    utc_offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The reader process runs; on a busy host that takes seconds. It connects now."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The size of this connection's pictures; their memory's descriptor follows on the socket."""

    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """A stretch of stream with one count of time begins."""

    id: str
    started_utc: datetime
    codec_name: str
    extradata: bytes | None
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class Delivered:
    """A decoded frame. `stamp`: its packet's. `slot`: where its picture lies, None where it was
    not kept. `arrival_s`: when it was decoded, by the host's monotonic clock.
    """

    info: FrameInfo
    stamp: int
    slot: int | None
    arrival_s: float


@dataclass(frozen=True, slots=True)
class Health:
    """What a session's stamps and arrivals tell; see LiveStatus."""

    lag_s: float
    pace: float | None
    dropped: int
    clock_ahead_s: float | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A packet and the frames that came out of the decoder with it.

    `sample`: a file that holds the stream's description, with the first key frame of a session.
    """

    coded: Coded | None
    sample: bytes | None
    frames: tuple[Delivered, ...]
    health: Health


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over; nothing follows. `detail` may hold the URL's credentials."""

    state: CameraState
    detail: str


Message = Started | Pictures | SessionBegan | Arrived | Ended
