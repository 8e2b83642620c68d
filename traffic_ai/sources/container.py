"""Opening a recorded file: what is accepted as one, and what is said where it is not.

The bottom of the sources; everything about a file that is known before a picture is decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from traffic_ai.core.errors import SourceError, SourceNotFoundError

MAX_PIXELS = 4096 * 4096
"""Largest picture decoded by default, 16.8 megapixels: twice UHD 4K. A file of 200 kB can ask for
600 MB of pictures."""

# Containers with time stamps. Not the raw streams, for which FFmpeg makes up 25 pictures a
# second, and not the play lists, pictures and text files it can also "play".
_FORMATS = (
    "3gp,asf,avi,dhav,dv,flv,gxf,ivf,matroska,webm,mov,mp4,mpeg,mpegts,mxf,nut,nuv,ogg,rm,wtv"
)
_RAW_FORMATS = "h261,h263,h264,hevc,vvc,av1,obu,m4v,mjpeg,mpegvideo,cavsvideo,vc1"
_READ_ERRORS = 16
"""Read errors in a row after which a file is given up."""


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open container with its picture stream. `size_px`: as stored, not turned."""

    path: Path
    container: InputContainer
    stream: VideoStream
    time_base: Fraction
    size_px: tuple[int, int]


def open_video(path: Path, max_pixels: int = MAX_PIXELS) -> OpenVideo:
    """Open a file's picture stream. Raises SourceError with the reason."""
    _check_path(path)
    container = _open(path, max_pixels)
    try:
        return _picture_stream(path, container, max_pixels)
    except BaseException:
        container.close()
        raise


def read_packets(video: OpenVideo) -> Iterator["av.Packet[VideoStream] | None"]:
    """The stream's packets, the empty one at the end included; None where one could not be read.

    Raises SourceError where reading fails time and again.
    """
    errors = 0
    while True:
        try:
            for packet in video.container.demux(video.stream):
                errors = 0
                yield packet
            return
        except av.error.FFmpegError as error:
            errors += 1
            if errors >= _READ_ERRORS:
                raise SourceError(f"{video.path}: reading fails: {_reason(error)}") from error
        yield None


def set_up_decoder(codec: VideoCodecContext, max_pixels: int) -> None:
    """Options of every decoder here, before its first packet.

    One thread: with threads for slices FFmpeg's H.264 decoder neither mends nor tells pictures
    of which a part is missing; one thread is not slower (measured, one slice a picture).
    """
    codec.thread_count = 1
    codec.options = {"max_pixels": str(max_pixels)}


def _check_path(path: Path) -> None:
    try:
        if not path.exists():
            raise SourceNotFoundError(f"{path}: no such file")
        if path.is_dir():
            raise SourceError(f"{path} is a folder; give a video file")
        if not path.is_file():
            raise SourceError(f"{path} is not a regular file")
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty")
        with path.open("rb"):
            pass
    except PermissionError as error:
        raise SourceError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be opened: {error}") from error


def _open(path: Path, max_pixels: int, formats: str = _FORMATS) -> InputContainer:
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": formats,
        "max_pixels": str(max_pixels),
    }
    try:
        return av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        if formats == _FORMATS and _is_raw(path):
            raise SourceError(
                f"{path} is a bare stream without time stamps; wrap it with its true rate: "
                f"ffmpeg -framerate RATE -i {path.name} -c copy {path.stem}.mkv"
            ) from error
        raise SourceError(
            f"{path} is not a video that can be read, or its beginning or index is missing "
            f"({_reason(error)})"
        ) from error


def _is_raw(path: Path) -> bool:
    try:
        _open(path, MAX_PIXELS, _RAW_FORMATS).close()
    except SourceError:
        return False
    return True


def _picture_stream(path: Path, container: InputContainer, max_pixels: int) -> OpenVideo:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        raise SourceError(f"{path} has no video stream")
    stream = streams[0]
    codec = stream.codec_context
    if codec is None:
        raise SourceError(f"{path}: its codec is not supported; convert it to H.264")
    width_px, height_px = codec.width, codec.height
    if width_px * height_px > max_pixels:
        raise SourceError(
            f"{path}: pictures of {width_px}x{height_px} are larger than the {max_pixels} pixels "
            "allowed; scale the video down"
        )
    if not width_px * height_px or not stream.time_base:
        raise SourceError(
            f"{path} holds no picture that can be decoded, or only ones of more than the "
            f"{max_pixels} pixels allowed"
        )
    set_up_decoder(codec, max_pixels)
    return OpenVideo(path, container, stream, stream.time_base, (width_px, height_px))


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
