"""One pass over a recorded file: its pictures with `t_s`, from the start or from a key frame on.

The frames that are analysed (file.py) and the evidence cut later (footage.py) both come through
here, so that `t_s` means the same in both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from traffic_ai.core.errors import SourceError
from traffic_ai.core.frame import Box, Image
from traffic_ai.sources.container import MAX_PIXELS, OpenVideo, open_video, read_packets
from traffic_ai.sources.pictures import Converter, Picture, PictureDecoder
from traffic_ai.sources.skim import Skim

_UNSTAMPED_LIMIT = 100
"""Pictures in a row without a usable time stamp after which a file is given up."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with its time in the recording."""

    t_s: float
    picture: Picture


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """What was left out so far."""

    dropped_repeated: int
    dropped_unstamped: int
    errors: int


class Reading:
    """A file being read. `t_s` is 0 at the first picture shown.

    Opening decodes the first pictures. Raises SourceError where there is none, or none with a
    usable time stamp.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        self.video: OpenVideo = open_video(path, max_pixels)
        try:
            self._begin()
            first = next(self._pictures, None)
            if first is None:
                raise self._nothing_shown()
        except BaseException:
            self.close()
            raise
        self.origin = first.stamp
        self._first: Picture | None = first
        self._stored_size = (first.decoded.width, first.decoded.height)
        self._converter = Converter(first.decoded.rotation)
        self.size_px = self._converter.size_px(first.decoded)

    @property
    def duration_s(self) -> float | None:
        """Length by the container, or None."""
        stream, container = self.video.stream, self.video.container
        if stream.duration:
            return float(stream.duration * self.video.time_base)
        return container.duration / av.time_base if container.duration else None

    @property
    def keeps_display_times(self) -> bool:
        """Whether the packets' stamps are when pictures are shown.

        AVI keeps decoding times; with B-pictures, FFmpeg's guess of the display times depends on
        where reading began.
        """
        reorders = bool(self.video.stream.codec_context.has_b_frames)
        return not (reorders and self.video.container.format.name == "avi")

    def has_key_frame(self, after_s: float, until_s: float) -> bool:
        """Whether the container tells of a key frame between two moments."""
        entries = self.video.stream.index_entries
        found = entries.search_timestamp(self.stamp_at(until_s))
        return found >= 0 and entries[found].timestamp > self.stamp_at(after_s)

    def counts(self) -> ReadCounts:
        """What was left out since the start or the last seek."""
        repair = self._decoder.repair
        return ReadCounts(
            repair.dropped_repeated,
            repair.dropped_unstamped,
            self._decoder.error_count + self._lost_packets,
        )

    def shown(self) -> Iterator[Shown]:
        """The pictures from where reading stands; raises SourceError where it cannot go on."""
        count = 0
        first, self._first = self._first, None
        while (picture := first or next(self._pictures, None)) is not None:
            first = None
            t_s = self.time_of(picture.stamp - self.origin)
            decoded = picture.decoded
            if (decoded.width, decoded.height) != self._stored_size:
                raise SourceError(
                    f"{self.video.path}: the picture changes from {self._stored_size[0]}x"
                    f"{self._stored_size[1]} to {decoded.width}x{decoded.height} at {t_s:.3f} s; "
                    "cut the file there"
                )
            yield Shown(t_s, picture)
            count += 1
        if count == 1 and self._dropped():
            raise self._nothing_shown()

    def image(self, picture: Picture) -> Image:
        """The upright picture (H, W, 3) in BGR, owned by the caller."""
        return self._converter.image(picture.decoded)

    def part(self, picture: Picture, box_px: Box) -> Image:
        """The part x0, y0, x1, y1 of the upright picture, the pixels of `image`."""
        return self._converter.part(picture.decoded, box_px)

    def time_of(self, stamp: float) -> float:
        """A stamp or a difference of stamps in seconds."""
        time_base = self.video.time_base
        return stamp * time_base.numerator / time_base.denominator

    def stamp_at(self, t_s: float) -> int:
        """A moment in units of the stream's time base."""
        return int(self.origin + t_s / self.video.time_base)

    def seek(self, t_s: float, skim: Skim | None = None) -> bool:
        """Go to a key frame near, usually at or before, t_s; False where the file cannot.

        skim: what need not be shown from there on.
        """
        try:
            self.video.container.seek(self.stamp_at(t_s), stream=self.video.stream)
        except av.error.FFmpegError:
            return False
        self._begin(skim)
        return True

    def close(self) -> None:
        """Release the file; may be called twice."""
        self.video.container.close()

    def _begin(self, skim: Skim | None = None) -> None:
        self._first = None
        self._lost_packets = 0
        self._skim = skim
        self.video.stream.codec_context.skip_frame = "DEFAULT"
        self._decoder = PictureDecoder(self.video.stream.codec_context)
        self._pictures = self._decode()

    def _decode(self) -> Iterator[Picture]:
        decoder = self._decoder
        dropped = 0
        for packet in read_packets(self.video):
            if packet is None:
                self._lost_packets += 1
                decoder.distrust(None)
                continue
            if self._skim is not None:
                passed = self._skim.passes(packet.pts)
                self.video.stream.codec_context.skip_frame = "NONREF" if passed else "DEFAULT"
            for picture in decoder.decode(packet):
                dropped = self._dropped()
                yield picture
            if self._dropped() - dropped >= _UNSTAMPED_LIMIT:
                raise self._nothing_shown()
        yield from decoder.finish()

    def _dropped(self) -> int:
        repair = self._decoder.repair
        return repair.dropped_repeated + repair.dropped_unstamped

    def _nothing_shown(self) -> SourceError:
        path = self.video.path
        if not self._dropped():
            return SourceError(f"{path} holds no picture that can be decoded")
        return SourceError(
            f"{path}: {self._dropped()} pictures have no usable time stamp (missing, standing "
            "still or running backwards), and without time nothing can be measured; cut the file "
            "where its clock restarts, or stamp it with its true rate, if that was steady: ffmpeg "
            f"-i {path.name} -c copy -bsf:v setts=ts=N/RATE/TB {path.stem}_timed.mkv"
        )
