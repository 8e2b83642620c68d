"""Writing evidence clips: compressed packets as they are or, where that cannot be, encoded anew.

Stands between the footage (a file, a live camera's packets) and the disk. A clip appears under
its name only when it is whole and on the disk.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import Image

_CONTAINERS = ((".mp4", "mp4"), (".mkv", "matroska"))
_REORDER_LIMIT = 16
"""H.264 and H.265 show no picture more than 16 places from where it is stored."""
_ENCODE_TIME_BASE = Fraction(1, 90000)
_UNPROBED = {"codec_whitelist": "none"}
"""With no codec to try, FFmpeg opens a file without decoding its first picture once more."""
_TOLERANCE_S = 0.002
"""Matroska keeps times to the millisecond."""


class CannotKeepPacketsError(Exception):
    """The packets cannot be written as they are."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A compressed picture. `stamp` is when it is shown, in the stream's time base."""

    data: bytes
    stamp: int
    is_key: bool
    duration: int = 0


def select(packets: Iterable[Coded], start: int, end: int) -> list[Coded]:
    """What a decoder needs to show everything from `start` to `end`, in decoding order.

    From the last key frame at or before `start` (the first one there is if none is) to the last
    picture not later than `end`, and whatever is shown before those that had to be taken along.
    Pictures shown before the key frame lean on earlier ones and are left out.
    """
    kept: list[Coded] = []
    pending: list[Coded] = []
    first = reach = 0
    for packet in packets:
        if packet.is_key and (not kept or packet.stamp <= start):
            kept, pending = [packet], []
            first, reach = packet.stamp, packet.stamp
            continue
        if not kept or packet.stamp < first:
            continue
        pending.append(packet)
        if packet.stamp <= max(end, reach):
            reach = max(reach, *(waiting.stamp for waiting in pending))
            kept += pending
            pending = []
        elif len(pending) > _REORDER_LIMIT:
            break
    return kept


def write_packets(
    template: VideoStream, packets: Sequence[Coded], time_base: Fraction, stem: Path
) -> Path:
    """Write packets without decoding them; the first picture is shown at 0.

    Raises CannotKeepPacketsError where no container takes them or they do not come back as they
    went in.
    """
    stamps = sorted(packet.stamp for packet in packets)
    if not packets or len(set(stamps)) < len(stamps):
        raise CannotKeepPacketsError("there is no packet, or two pictures have one time stamp")
    problem: Exception = CannotKeepPacketsError("no container")
    for suffix, container in _CONTAINERS:
        try:
            with _whole(stem, suffix, container) as (output, part):
                _mux(output, template, packets, time_base)
                _check(part, [(stamp - stamps[0]) * float(time_base) for stamp in stamps])
        except (av.error.FFmpegError, ValueError, CannotKeepPacketsError) as error:
            problem = error
        else:
            return stem.with_name(stem.name + suffix)
    raise CannotKeepPacketsError(str(problem))


def write_images(images: Iterable[tuple[float, Image]], stem: Path) -> Path:
    """Encode pictures, each with its time in seconds, rising; the first is shown at 0.

    Raises EvidenceError where there is no picture or no encoder.
    """
    path = stem.with_name(stem.name + ".mp4")
    try:
        with _whole(stem, ".mp4", "mp4") as (output, _):
            _encode(output, images)
    except (av.error.FFmpegError, ValueError) as error:
        raise EvidenceError(f"{path}: the clip cannot be encoded: {error}") from error
    return path


@contextmanager
def _whole(stem: Path, suffix: str, container: str) -> Iterator[tuple[OutputContainer, Path]]:
    """An output that gets its name only when the block has ended well and the disk has it.

    Within the block the file is closed by `output.close()`.
    """
    part = stem.with_name(f".{stem.name}{suffix}.part")
    try:
        output = av.open(f"file:{part.absolute()}", "w", format=container)
        try:
            yield output, part
        finally:
            output.close()
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(stem.with_name(stem.name + suffix))
        folder = os.open(stem.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)


def _mux(
    output: OutputContainer, template: VideoStream, packets: Sequence[Coded], time_base: Fraction
) -> None:
    # opaque: the decoder's description is copied; the build may have no encoder for the codec.
    stream = output.add_stream_from_template(template, opaque=True)
    shown = sorted(packet.stamp for packet in packets)
    # Decoding times that rise and are never later than the display times: the display times in
    # order, earlier by as much as the most delayed picture needs.
    lead = max(time - packet.stamp for time, packet in zip(shown, packets, strict=True))
    for time, coded in zip(shown, packets, strict=True):
        packet = av.Packet(coded.data)
        packet.stream = stream
        packet.time_base = time_base
        packet.pts = coded.stamp - shown[0]
        packet.dts = time - lead - shown[0]
        packet.duration = coded.duration
        packet.is_keyframe = coded.is_key
        output.mux_one(packet)
    output.close()


def _check(path: Path, times_s: Sequence[float]) -> None:
    """Read a clip back: it begins with a picture that decodes and has all times."""
    with av.open(f"file:{path.absolute()}", options=_UNPROBED) as clip:
        stream = clip.streams.video[0]
        base = float(stream.time_base or 1)
        packets = clip.demux(stream)
        begin = next(packets)
        # An empty packet brings out the picture that is held back for later ones.
        first = next(iter(begin.decode() or stream.codec_context.decode(None)), None)
        stamps = [begin.pts, *(packet.pts for packet in packets)]
    if first is None or first.is_corrupt or not first.key_frame or first.pts is None:
        raise CannotKeepPacketsError("the clip does not begin with a picture")
    if first.pts < 0:
        raise CannotKeepPacketsError("the clip begins before 0")
    found = [stamp * base for stamp in stamps if stamp is not None]
    found.sort()
    same = len(found) == len(times_s) and all(
        abs((a - found[0]) - b) <= _TOLERANCE_S for a, b in zip(found, times_s, strict=True)
    )
    if not same:
        raise CannotKeepPacketsError("the clip's times are not the footage's")


def _encode(output: OutputContainer, images: Iterable[tuple[float, Image]]) -> None:
    stream: VideoStream | None = None
    begin_s = 0.0
    for t_s, image in images:
        # 4:2:0 needs even sides.
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        if stream is None:
            begin_s = t_s
            stream = _encoder(output, even.shape[1], even.shape[0])
        frame = av.VideoFrame.from_ndarray(even, "bgr24")
        frame.time_base = _ENCODE_TIME_BASE
        frame.pts = round((t_s - begin_s) / _ENCODE_TIME_BASE)
        output.mux(stream.encode(frame))
    if stream is None:
        raise EvidenceError("there is no picture to make a clip of")
    output.mux(stream.encode())


def _encoder(output: OutputContainer, width_px: int, height_px: int) -> VideoStream:
    if "libx264" in av.codecs_available:
        stream = output.add_stream("libx264", options={"crf": "18", "preset": "veryfast"})
    else:
        stream = output.add_stream("mpeg4", options={"qscale": "2"})
    stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
    stream.time_base = stream.codec_context.time_base = _ENCODE_TIME_BASE
    return stream
