"""A picture with its true time: the first type of the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]


class ClockSource(StrEnum):
    """Where a wall-clock time comes from."""

    CAMERA = "camera_clock"
    HOST = "host_clock"
    GIVEN = "given_start_time"
    FILE_NAME = "file_name"
    CONTAINER = "container_metadata"


@dataclass(frozen=True, slots=True)
class CapturedAt:
    """A wall-clock moment: aware UTC, its source, and the half width of its error bound."""

    utc: datetime
    source: ClockSource
    bound_s: float

    def __post_init__(self) -> None:
        if self.utc.tzinfo is None:
            raise ValueError(f"captured_at needs a time zone: {self.utc!r}")


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is known of a frame beside its pixels.

    `t_s` is the presentation time in seconds, strictly increasing within one camera session.
    `captured_at` is None where the wall-clock time is unknown. `degraded` marks a frame whose
    picture is damaged or whose time stamp had to be repaired: tracks may pass through it, nothing
    is decided on it.
    """

    camera_id: str
    index: int
    t_s: float
    captured_at: CapturedAt | None
    width_px: int
    height_px: int
    degraded: bool = False


class Frame:
    """A picture (H, W, 3), uint8, BGR, with its info.

    `image`: the picture, or what makes it; that is called once, when the picture is first asked
    for, as nobody looks at most pictures of a road. `part`: what makes a part of it for less, the
    same pixels. Not to be asked by two threads at once.
    """

    __slots__ = ("_image", "_part", "info")

    def __init__(
        self,
        info: FrameInfo,
        image: Image | Callable[[], Image],
        part: Callable[[Box], Image] | None = None,
    ) -> None:
        self.info = info
        self._image = image
        self._part = part

    @property
    def image(self) -> Image:
        """The picture."""
        if callable(self._image):
            self._image = self._image()
        return self._image

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture; nothing is converted for it."""
        if callable(self._image):
            return self.info.width_px, self.info.height_px
        return self._image.shape[1], self._image.shape[0]

    def part(self, box_px: Box) -> Image:
        """The part x0, y0, x1, y1 of the picture, which lies in it; not to be written to."""
        if self._part is not None and callable(self._image):
            return self._part(box_px)
        x0, y0, x1, y1 = box_px
        return self.image[y0:y1, x0:x1]
