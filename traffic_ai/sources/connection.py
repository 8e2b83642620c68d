"""Opening a camera's stream: which URLs are accepted, and what a refusal means.

The bottom of the live sources. No message from here holds the URL's credentials, and no
exception of PyAV, whose text does, is passed on or chained.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from traffic_ai.core.errors import (
    ConfigError,
    SourceError,
    SourceLostError,
    SourceNotFoundError,
    SourceUnauthorizedError,
)
from traffic_ai.core.redact import redact
from traffic_ai.sources.container import MAX_PIXELS, set_up_decoder

SCHEMES = ("rtsp", "rtsps", "http", "https")
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto"  # no file: play lists

# What a camera may send. Of the lists of other files and addresses (ffconcat, DASH, SDP) only HLS,
# whose parts are fetched by the protocols above, never from this computer's files.
_FORMATS = (
    "rtsp,rtp,mpegts,flv,hls,mov,mp4,matroska,webm,asf,avi,mpjpeg,mjpeg,mpeg,ogg,nut,aac,ac3,mp3"
)

_NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS


class SourceStalledError(SourceLostError):
    """A camera is connected and sends nothing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open stream. `name`: its URL without credentials."""

    name: str
    container: InputContainer
    stream: VideoStream
    time_base: Fraction

    def packets(self) -> Iterator["av.Packet[VideoStream]"]:
        """The stream's packets as they come; ends where the stream ends.

        Raises SourceStalledError after silence, SourceLostError where the connection breaks.
        """
        try:
            yield from self.container.demux(self.stream)
        except av.error.FFmpegError as error:
            problem = _meaning(error)
        else:
            return
        if isinstance(problem, SourceStalledError | SourceLostError):
            raise problem
        raise SourceLostError(str(problem))

    def close(self) -> None:
        """Hang up; may be called twice."""
        self.container.close()


def check_url(url: str) -> None:
    """Raises ConfigError for anything but a camera's URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in SCHEMES or not rest.rpartition("@")[2].strip("/"):
        raise ConfigError(
            f"{redact(url, url)!r} is not a camera's URL; it must begin with "
            f"{', '.join(scheme + '://' for scheme in SCHEMES)} (files are analysed as files)"
        )


def connect(url: str, stall_timeout_s: float, max_pixels: int = MAX_PIXELS) -> Connection:
    """Open a camera's stream, over TCP. Raises SourceError with what the camera answered."""
    # FFmpeg's time-out is met twice, once for the data and once for saying goodbye (measured). The
    # watching process does not wait for the second: it ends this one (live.py).
    timeout_us = str(int(stall_timeout_s * 1e6))
    options = {
        "timeout": timeout_us,
        "protocol_whitelist": _PROTOCOLS,
        "format_whitelist": _FORMATS,
    }
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    try:
        container = av.open(
            url, options=options, timeout=(2.0 * stall_timeout_s, None), metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        problem: SourceError = _meaning(error)
    else:
        try:
            return _picture_stream(container, redact(url, url), max_pixels)
        except SourceError as error:
            container.close()
            problem = error
    raise problem


def _picture_stream(container: InputContainer, name: str, max_pixels: int) -> Connection:
    if container.format.flags & _NO_TIMESTAMPS:
        # FFmpeg would number the pictures as if 25 came in a second.
        raise SourceError(
            f"the stream ({container.format.name}) carries no time stamps, so nothing can be "
            "measured; use the camera's RTSP stream"
        )
    stream = next(iter(container.streams.video), None)
    if stream is None or stream.codec_context is None or not stream.time_base:
        raise SourceError("the stream has no video that can be decoded")
    codec = stream.codec_context
    if codec.width * codec.height > max_pixels:
        raise SourceError(
            f"pictures of {codec.width}x{codec.height} are larger than the {max_pixels} pixels "
            "allowed; choose a smaller stream of the camera"
        )
    set_up_decoder(codec, max_pixels)
    return Connection(name, container, stream, stream.time_base)


def _meaning(error: Exception) -> SourceError:
    """What an error of PyAV means for the operator; its own text holds the URL."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceUnauthorizedError("the camera refuses the user or password")
    if isinstance(error, av.error.HTTPNotFoundError):
        return SourceNotFoundError("the camera has no such stream; check the path in its URL")
    if isinstance(error, av.error.TimeoutError | av.error.ExitError):
        return SourceStalledError("the camera sends nothing")
    if isinstance(error, av.error.ConnectionRefusedError):
        return SourceLostError("the camera refuses the connection; check its address and port")
    if isinstance(error, av.error.InvalidDataError):  # a silent camera too, while connecting
        return SourceLostError("the camera gives no usable answer, or none in time")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SourceLostError(f"the camera cannot be read: {reason}")
