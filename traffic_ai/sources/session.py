"""One session of a live camera: from a connection's packets to frames with their time.

Runs in the camera's reader process; knows nothing of reconnects and of who takes the frames.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.video.stream import VideoStream

from traffic_ai.core.errors import SourceError, SourceLostError
from traffic_ai.core.frame import FrameInfo
from traffic_ai.sources.arrival import CaptureClock, StampPace, from_unix_us
from traffic_ai.sources.clips import Coded
from traffic_ai.sources.clock import Clock
from traffic_ai.sources.connection import Connection
from traffic_ai.sources.h264 import FrameNumbers
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.messages import Health, SessionBegan
from traffic_ai.sources.pictures import Picture, PictureDecoder
from traffic_ai.sources.ring import coded_packet

_UNSTAMPED_LIMIT = 10
"""Pictures in a row without a rising time stamp after which the session is given up."""
_JUMP_S = 5.0
"""Stamps that leap so much further than time did belong to another count of time."""


class CountOfTimeError(SourceLostError):
    """The time stamps go on in another count of time; a new session can begin with them."""


class PictureChangedError(SourceLostError):
    """The pictures have another size from now on; the camera must be asked anew."""


@dataclass(frozen=True, slots=True)
class LivePicture:
    """A frame whose pixels are still to be converted. `stamp`: its packet's."""

    info: FrameInfo
    stamp: int
    decoded: av.VideoFrame


@dataclass(frozen=True, slots=True)
class Batch:
    """A packet, what came out of the decoder with it, and once a session the stream's description
    (see `PacketRing.describe`).
    """

    coded: Coded | None
    sample: bytes | None
    pictures: tuple[LivePicture, ...]


class SessionReader:
    """Reads a connection's packets as long as they have one count of time.

    `t_s` is 0 at the first frame and rises strictly: frames whose stamp does not are dropped and
    counted. Frames are degraded after damage until the next key frame. pace: that of the camera's
    stamps as far as it is known from an earlier session. host: the host's wall clock, if it was
    looked at before.
    """

    def __init__(
        self,
        camera_id: str,
        connection: Connection,
        decoder: PictureDecoder,
        clock: Clock,
        pace: float | None = None,
        host: HostTime | None = None,
    ) -> None:
        self._host = host or HostTime(clock)
        self._started = self._host.now().utc
        self._camera_id = camera_id
        self._connection = connection
        self._decoder = decoder
        self._clock = clock
        self._capture = CaptureClock()
        self._pace = StampPace(pace)
        self._size: tuple[int, int] | None = None
        self._origin: int | None = None
        self._previous: tuple[float, float] | None = None
        self._described = False
        self._lag_s = 0.0
        self._dropped_before = decoder.dropped
        codec = connection.stream.codec_context
        self._numbers = FrameNumbers(codec.extradata) if codec.name == "h264" else None
        self.count = 0

    @property
    def began(self) -> SessionBegan:
        """The session's name, and what is needed to keep its packets."""
        stream = self._connection.stream
        return SessionBegan(
            f"{self._camera_id}@{self._started:%Y-%m-%dT%H:%M:%S.%fZ}",
            self._started,
            stream.codec_context.name,
            stream.codec_context.extradata,
            self._connection.time_base,
        )

    def health(self) -> Health:
        """What the stamps and arrivals have told so far."""
        return Health(self._lag_s, self._pace.rate, self._dropped, self._capture.ahead_s)

    def batches(self) -> Iterator[Batch]:
        """The packets as they come, until the stream ends.

        Raises SourceError where it is lost, CountOfTimeError where its stamps go on otherwise.
        """
        dropped = 0
        for packet in self._connection.packets():
            coded = coded_packet(packet)
            if coded is not None and self._numbers and self._numbers.skips(coded.data):
                self._decoder.distrust(packet.pts)
            pictures = []
            for picture in self._decoder.decode(packet):
                dropped = self._dropped
                pictures.append(self._live(picture))
            sample = self._sample(packet)
            yield Batch(coded, sample, tuple(pictures))
            self._note_report(packet)
            if self._dropped - dropped >= _UNSTAMPED_LIMIT:
                raise self._no_rising_stamps()

    @property
    def _dropped(self) -> int:
        return self._decoder.dropped - self._dropped_before

    def _live(self, picture: Picture) -> LivePicture:
        decoded = picture.decoded
        self._check_size(decoded.width, decoded.height)
        stamp = int(picture.stamp)
        if self._origin is None:
            self._origin = stamp
        t_s, arrival_s = self._t_s(stamp), self._clock.monotonic_s()
        self._check_jump(t_s, arrival_s)
        self._pace.add(t_s, arrival_s)
        # Stamps at a wrong pace say nothing of the lag.
        self._lag_s = self._pace.lag_s if self._pace.is_true else 0.0
        turned = round(decoded.rotation / 90) % 2 == 1
        info = FrameInfo(
            self._camera_id,
            self.count,
            t_s,
            self._capture.captured_at(t_s, self._host.now(), self._lag_s),
            decoded.height if turned else decoded.width,
            decoded.width if turned else decoded.height,
            picture.damaged,
        )
        self.count += 1
        return LivePicture(info, stamp, decoded)

    def _check_size(self, width_px: int, height_px: int) -> None:
        size = (width_px, height_px)
        if self._size is not None and size != self._size:
            raise PictureChangedError(
                f"the picture changed from {self._size[0]}x{self._size[1]} to {size[0]}x{size[1]}"
            )
        self._size = size

    def _check_jump(self, t_s: float, arrival_s: float) -> None:
        """A camera that sets its clock goes on in another count of time: that is a new session."""
        if self._previous is not None:
            leap_s = (t_s - self._previous[0]) - (arrival_s - self._previous[1])
            if leap_s > _JUMP_S:
                raise CountOfTimeError(f"the camera's time stamps jumped ahead by {leap_s:.1f} s")
        self._previous = (t_s, arrival_s)

    def _no_rising_stamps(self) -> SourceError:
        if self.count:
            return CountOfTimeError("the camera's time stamps went back or stand still")
        return SourceError("the stream has no time stamps, so nothing can be measured")

    def _sample(self, packet: "av.Packet[VideoStream]") -> bytes | None:
        if self._described or not packet.is_keyframe or not packet.size:
            return None
        sample = _sample_file(self._connection, packet)
        self._described = sample is not None
        return sample

    def _note_report(self, packet: "av.Packet[VideoStream]") -> None:
        """Take the camera's wall-clock time of a packet: RTCP's, as "prft" side data."""
        if packet.pts is None or self._origin is None or not packet.has_sidedata("prft"):
            return
        data = bytes(packet.get_sidedata("prft"))
        utc = from_unix_us(struct.unpack_from("<q", data)[0]) if len(data) >= 8 else None
        if utc is not None:
            self._capture.report(self._t_s(packet.pts), utc)

    def _t_s(self, stamp: int) -> float:
        base = self._connection.time_base
        return (stamp - (self._origin or 0)) * base.numerator / base.denominator


def _sample_file(connection: Connection, packet: "av.Packet[VideoStream]") -> bytes | None:
    """A file of one key frame: the form in which a stream's description passes to the process
    that keeps the packets. NUT takes nearly every codec; None where it does not.
    """
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="nut") as output:
            kept = output.add_stream_from_template(connection.stream, opaque=True)
            only = av.Packet(bytes(packet))
            only.stream = kept
            only.time_base = connection.time_base
            only.pts = only.dts = 0
            only.is_keyframe = True
            output.mux_one(only)
    except (av.error.FFmpegError, ValueError):
        return None
    return file.getvalue()
