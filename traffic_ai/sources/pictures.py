"""Compressed packets to pictures with a stamp, a damage flag and, on request, pixels.

Shared by recorded files, live cameras and the evidence cut from both, so that a moment means the
same picture to all of them.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from traffic_ai.core.frame import Box, Image
from traffic_ai.sources.stamps import LOOK_AHEAD, StampRepair

# Formats whose three planes hold whole brightness and colour at half the width and height.
_CHROMA_HALVED = ("yuv420p", "yuvj420p")
# The scaler converts so many pixels of a row at once, and rounds those that are left otherwise.
_ALIGNED_PX = 64


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture. `stamp`: when it is shown, in units of the stream's time base.

    `repaired`: its time stamp was not usable as it stood. `damaged`: it, or a picture it may be
    built on, was not decoded cleanly.
    """

    decoded: av.VideoFrame
    stamp: float
    repaired: bool
    damaged: bool


class PictureDecoder:
    """Decodes one stream's packets.

    A decoder error is counted and never ends the stream. After damage every picture is marked
    until the next key frame: pictures built on a damaged one are not marked by the decoder. So
    are those before the first key frame. Damage that still decodes (a flipped bit that gives a
    valid code) cannot be told.
    """

    def __init__(self, codec: VideoCodecContext, look_ahead: int = LOOK_AHEAD) -> None:
        self._codec = codec
        self._look_ahead = look_ahead
        self._dropped_before = 0
        self._repair: StampRepair[tuple[av.VideoFrame, bool]] = StampRepair(look_ahead)
        self._distrust = True
        self._distrust_until_after: int | None = None
        self.error_count = 0

    @property
    def repair(self) -> StampRepair[tuple[av.VideoFrame, bool]]:
        """The stamps' counts."""
        return self._repair

    @property
    def dropped(self) -> int:
        """Pictures without a usable time stamp so far."""
        repair = self._repair
        return self._dropped_before + repair.dropped_repeated + repair.dropped_unstamped

    def restart_stamps(self) -> None:
        """Another count of time begins; the pictures themselves go on."""
        self._dropped_before = self.dropped
        self._repair = StampRepair(self._look_ahead)
        # The moment was one of the old count, which may never come again.
        self._distrust_until_after = None

    def decode(self, packet: "av.Packet[VideoStream]") -> Iterator[Picture]:
        """The pictures that are ready after a packet; an empty packet empties the decoder."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        try:
            decoded = self._codec.decode(packet if packet.size else None)
        except av.error.EOFError:
            return  # emptied before
        except av.error.FFmpegError:
            self.error_count += 1
            self.distrust(stamp)
            return
        for frame in decoded:
            damaged = self._judge(frame)
            for ready in self._repair.push((frame, damaged), frame.pts):
                yield Picture(ready.item[0], ready.stamp, ready.repaired, ready.item[1])

    def finish(self) -> Iterator[Picture]:
        """The pictures held back, after the decoder was emptied."""
        for ready in self._repair.flush():
            yield Picture(ready.item[0], ready.stamp, ready.repaired, ready.item[1])

    def distrust(self, stamp: int | None) -> None:
        """Something was lost at a packet: mark pictures until a key frame shown after it."""
        self._distrust = True
        if stamp is not None:
            self._distrust_until_after = max(stamp, self._distrust_until_after or stamp)

    def _judge(self, frame: av.VideoFrame) -> bool:
        if frame.is_corrupt:
            self._distrust = True
        elif self._distrust and frame.key_frame:
            # A key frame decoded before the damage may leave the decoder after it.
            after = self._distrust_until_after
            if after is None or frame.pts is None or frame.pts >= after:
                self._distrust, self._distrust_until_after = False, None
        return self._distrust


class _Scalers(threading.local):
    """A thread's scalers by picture size; one does not serve two threads at once."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[int, int], VideoReformatter] = defaultdict(VideoReformatter)


class Converter:
    """Turns decoded pictures into BGR arrays, upright, reusing one scaler for each size.

    May be called from several threads, each with a picture of its own.
    """

    def __init__(self, rotation_deg: int) -> None:
        self._quarter_turns = round(rotation_deg / 90) % 4
        self._scalers = _Scalers()

    def size_px(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height of the upright picture."""
        if self._quarter_turns % 2:
            return frame.height, frame.width
        return frame.width, frame.height

    def image(self, frame: av.VideoFrame) -> Image:
        """The picture (H, W, 3); it shares no memory with the decoder."""
        return np.array(self._upright(frame), np.uint8, order="C")

    def write(self, frame: av.VideoFrame, into: Image) -> None:
        """Write the picture to memory (H, W, 3) of its size."""
        np.copyto(into, self._upright(frame))

    def part(self, frame: av.VideoFrame, box_px: Box) -> Image:
        """The part x0, y0, x1, y1 of the picture: the pixels of `image`, for less where it can."""
        x0, y0, x1, y1 = box_px
        if self._quarter_turns or frame.format.name not in _CHROMA_HALVED:
            return self.image(frame)[y0:y1, x0:x1]
        left, top = x0 - x0 % _ALIGNED_PX, y0 - y0 % 2
        right, bottom = min(frame.width, x1 + -x1 % _ALIGNED_PX), min(frame.height, y1 + y1 % 2)
        cut = av.VideoFrame(right - left, bottom - top, frame.format.name)
        cut.colorspace, cut.color_range = frame.colorspace, frame.color_range
        for number, (into, whole) in enumerate(zip(cut.planes, frame.planes, strict=True)):
            half = 1 if number else 0
            x, y = left >> half, top >> half
            rows = _rows(whole)[y : y + into.height, x : x + into.width]
            _rows(into)[:, : into.width] = rows
        return self._converted(cut)[y0 - top : y1 - top, x0 - left : x1 - left]

    def _upright(self, frame: av.VideoFrame) -> Image:
        return np.rot90(self._converted(frame), self._quarter_turns)

    def _converted(self, frame: av.VideoFrame) -> Image:
        # to_ndarray gives a view with padded rows, of the decoder's own frame if that is BGR.
        scaler = self._scalers.of[frame.width, frame.height]
        return cast(Image, scaler.reformat(frame, format="bgr24", threads=1).to_ndarray())


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """A plane's rows (H, W and padding), in place."""
    return np.asarray(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
