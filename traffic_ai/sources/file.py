"""Recorded files as a source of frames."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from traffic_ai.core.errors import SourceError
from traffic_ai.core.frame import CapturedAt, Frame, FrameInfo
from traffic_ai.sources.container import MAX_PIXELS
from traffic_ai.sources.reading import Reading
from traffic_ai.sources.start_time import CapturedStart

_END_TOLERANCE_S = 1.0
"""How much earlier than a container says its pictures may end without a word."""


@dataclass(slots=True)
class ReadReport:
    """What was met while reading a file.

    frames: yielded. damaged, repaired: those of them that are degraded because of the picture,
    because of the time stamp. dropped_repeated: pictures left out because their stamp stood
    already; dropped_unstamped: because nothing told their time. errors: packets that could not
    be read or decoded. missing_s: by how much its pictures end before the length it states.
    """

    frames: int = 0
    damaged: int = 0
    repaired: int = 0
    dropped_repeated: int = 0
    dropped_unstamped: int = 0
    errors: int = 0
    missing_s: float = 0.0

    def notes(self) -> list[str]:
        """What a person should know, a line each; nothing for a sound file."""
        said = (
            (self.damaged, "frames damaged; nothing is decided on them"),
            (self.repaired, "time stamps repaired; nothing is decided on those frames"),
            (self.dropped_repeated, "frames dropped: they repeat a time stamp"),
            (self.dropped_unstamped, "frames dropped: nothing tells their time"),
            (self.errors, "packets could not be read or decoded"),
        )
        notes = [f"{count} {text}" for count, text in said if count]
        if self.missing_s > _END_TOLERANCE_S:
            notes.append(
                f"the pictures end {self.missing_s:.1f} s before the length the file states: it "
                "was cut off, or is not finished"
            )
        return notes


class VideoFile:
    """A recorded file as one camera session (a FrameSource).

    `t_s` counts from the first frame shown, whatever its stamp; `captured_at` adds that to
    `start`. The picture is upright (rotation of the container applied). Frames whose picture is
    damaged or whose stamp had to be repaired are degraded. Opening decodes the first frames.
    Raises SourceError where the file cannot be used, or no longer, with the reason.
    """

    def __init__(
        self,
        path: Path,
        camera_id: str,
        start: CapturedStart | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.path = Path(path)
        self.start = start
        self.position_s = 0.0
        self._camera_id = camera_id
        self._reading = Reading(self.path, max_pixels)
        self._report = ReadReport()

    @property
    def width_px(self) -> int:
        """Width of the upright picture."""
        return self._reading.size_px[0]

    @property
    def height_px(self) -> int:
        """Height of the upright picture."""
        return self._reading.size_px[1]

    @property
    def duration_s(self) -> float | None:
        """What the container says of its length, or None; the true one is known at the end."""
        return self._reading.duration_s

    @property
    def report(self) -> ReadReport:
        """What was met so far."""
        counts = self._reading.counts()
        self._report.dropped_repeated = counts.dropped_repeated
        self._report.dropped_unstamped = counts.dropped_unstamped
        self._report.errors = counts.errors
        return self._report

    def frames(self) -> Iterator[Frame]:
        """Yield each frame once, in time order; the image belongs to the receiver and is converted
        when it is first asked for.
        """
        for shown in self._reading.shown():
            picture = shown.picture
            info = frame_info(
                self._camera_id,
                self._report.frames,
                shown.t_s,
                self.start,
                self._reading.size_px,
                picture.damaged or picture.repaired,
            )
            self._report.frames += 1
            self._report.damaged += picture.damaged
            self._report.repaired += picture.repaired
            self.position_s = shown.t_s
            reading = self._reading
            yield Frame(info, partial(reading.image, picture), partial(reading.part, picture))
        # Some containers count their length from zero, not from the first picture.
        end_s = self.position_s + max(0.0, self._reading.time_of(self._reading.origin))
        self._report.missing_s = max(0.0, (self.duration_s or 0.0) - end_s)

    def close(self) -> None:
        """Release the file; may be called twice."""
        self._reading.close()


def frame_info(
    camera_id: str,
    index: int,
    t_s: float,
    start: CapturedStart | None,
    size_px: tuple[int, int],
    degraded: bool,
) -> FrameInfo:
    """The info of a file's frame, its wall-clock time counted from the file's start."""
    captured = None
    if start is not None:
        moment = start.utc + timedelta(seconds=t_s)
        captured = CapturedAt(moment, start.source, start.bound_s)
    return FrameInfo(camera_id, index, t_s, captured, size_px[0], size_px[1], degraded)


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex. Raises SourceError."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
