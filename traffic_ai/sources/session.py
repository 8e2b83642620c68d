"""One session of a live camera: from a connection's packets to frames with their time.

Runs in the camera's reader thread; knows nothing of reconnects and of who takes the frames.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import av
from av.video.stream import VideoStream

from traffic_ai.core.errors import SourceError, SourceLostError
from traffic_ai.core.frame import FrameInfo, Image
from traffic_ai.sources.arrival import CaptureClock, StampPace, from_unix_us
from traffic_ai.sources.connection import Connection
from traffic_ai.sources.pictures import Converter, Picture, PictureDecoder
from traffic_ai.sources.ring import PacketRing

_UNSTAMPED_LIMIT = 10
"""Pictures in a row without a rising time stamp after which the session is given up."""
_JUMP_S = 5.0
"""Stamps that leap so much further than time did belong to another count of time."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveSession:
    """A stretch of a camera's stream with one count of time, from connecting to its loss.

    `id`: camera and start in UTC. `footage` goes on serving after the session's end.
    """

    id: str
    camera_id: str
    started_utc: datetime
    footage: PacketRing


@dataclass(frozen=True, slots=True)
class LivePicture:
    """A frame whose pixels are still to be converted."""

    info: FrameInfo
    decoded: av.VideoFrame


class SessionReader:
    """Reads one connection's packets.

    `t_s` is 0 at the first frame and rises strictly: frames whose stamp does not are dropped and
    counted in `dropped`, and a camera that sets its clock under way ends the session. Frames are
    degraded after damage until the next key frame, and while the stamps do not run with time.
    """

    def __init__(
        self,
        camera_id: str,
        connection: Connection,
        ring_s: float,
        monotonic_s: Callable[[], float],
        utc: Callable[[], datetime],
    ) -> None:
        started = utc()
        self._connection = connection
        self._monotonic_s = monotonic_s
        self._utc = utc
        # Nothing is held back for sorting stamps: a live frame must not wait for the next ones.
        self._decoder = PictureDecoder(connection.stream.codec_context, look_ahead=0)
        self._ring = PacketRing(connection.stream, ring_s)
        self._clock = CaptureClock()
        self._converter: Converter | None = None
        self._size: tuple[int, int] | None = None
        self._origin: int | None = None
        self._previous: tuple[float, float] | None = None
        self._count = 0
        self.pace = StampPace()
        name = f"{camera_id}@{started:%Y-%m-%dT%H:%M:%S.%fZ}"
        self.session = LiveSession(name, camera_id, started, self._ring)

    @property
    def dropped(self) -> int:
        """Frames without a usable time stamp so far."""
        repair = self._decoder.repair
        return repair.dropped_repeated + repair.dropped_unstamped

    def pictures(self) -> Iterator[LivePicture]:
        """The frames as they come, until the stream ends. Raises SourceError where it is lost."""
        dropped = 0
        for packet in self._connection.packets():
            self._ring.add(packet)
            for picture in self._decoder.decode(packet):
                dropped = self.dropped
                yield self._live(picture)
            self._note_report(packet)
            if self.dropped - dropped >= _UNSTAMPED_LIMIT:
                raise self._no_rising_stamps()

    def image(self, picture: LivePicture) -> Image:
        """The upright picture (H, W, 3) in BGR; called by one thread only."""
        assert self._converter is not None  # made with the first picture
        return self._converter.image(picture.decoded)

    def _live(self, picture: Picture) -> LivePicture:
        decoded = picture.decoded
        size = (decoded.width, decoded.height)
        if self._size is not None and size != self._size:
            raise SourceLostError(
                f"the picture changed from {self._size[0]}x{self._size[1]} to {size[0]}x{size[1]}"
            )
        self._size = size
        stamp = int(picture.stamp)
        if self._origin is None:
            self._origin = stamp
        t_s, arrival_s = self._t_s(stamp), self._monotonic_s()
        self._check_jump(t_s, arrival_s)
        self.pace.add(t_s, arrival_s)
        # Stamps at a wrong pace say nothing of the lag.
        lag_s = self.pace.lag_s if self.pace.is_true else 0.0
        if self._converter is None:
            self._converter = Converter(decoded.rotation)
        width_px, height_px = self._converter.size_px(decoded)
        info = FrameInfo(
            self.session.camera_id,
            self._count,
            t_s,
            self._clock.captured_at(t_s, self._utc(), lag_s),
            width_px,
            height_px,
            picture.damaged or not self.pace.is_true,
        )
        self._count += 1
        self._ring.note(stamp, info)
        return LivePicture(info, decoded)

    def _check_jump(self, t_s: float, arrival_s: float) -> None:
        """A camera that sets its clock goes on in another count of time: that is a new session."""
        if self._previous is not None:
            leap_s = (t_s - self._previous[0]) - (arrival_s - self._previous[1])
            if leap_s > _JUMP_S:
                raise SourceLostError(f"the camera's time stamps jumped ahead by {leap_s:.1f} s")
        self._previous = (t_s, arrival_s)

    def _no_rising_stamps(self) -> SourceError:
        if self._count:
            return SourceLostError("the camera's time stamps went back or stand still")
        return SourceError("the stream has no time stamps, so nothing can be measured")

    def _note_report(self, packet: "av.Packet[VideoStream]") -> None:
        """Take the camera's wall-clock time of a packet: RTCP's, as "prft" side data."""
        if packet.pts is None or self._origin is None or not packet.has_sidedata("prft"):
            return
        data = bytes(packet.get_sidedata("prft"))
        utc = from_unix_us(struct.unpack_from("<q", data)[0]) if len(data) >= 8 else None
        if utc is not None:
            self._clock.report(self._t_s(packet.pts), utc)

    def _t_s(self, stamp: int) -> float:
        base = self._connection.time_base
        return (stamp - (self._origin or 0)) * base.numerator / base.denominator
