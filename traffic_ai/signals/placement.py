"""Where the lamps of a head lie in its crop, upright and at a workable size.

Used by `lamps`: turns every layout into one, red on top, and says how much each place speaks for
each lamp. Boxes are drawn by hand and a pixel or two off, so places weigh softly.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.frame import Box, Image
from traffic_ai.core.geometry import Array
from traffic_ai.core.scene import HeadLayout, SignalHead
from traffic_ai.core.signal import Aspect

Plane = NDArray[np.float32]

LAMPS = (Aspect.RED, Aspect.YELLOW, Aspect.GREEN)
CENTRE = (1 / 6, 1 / 2, 5 / 6)  # of the lamps along a head of three
SPREAD = 0.17  # standard deviation of a lamp's place, as a share of the head's length
FLOOR = 0.35  # weight of a clear colour in the wrong place
LONGEST_PX = 60  # longer heads are scaled down: enough to see a lamp, cheap, less noise
SMALLEST_PX = (4, 8)
SMALLEST_LAMP_PX = 3
MARGIN = 0.15  # of a lamp's diameter, searched around the box


@dataclass(frozen=True, slots=True)
class Placement:
    """How to cut a head out of the picture, and what its places mean.

    window_px: x0, y0, x1, y1 of the crop. size: (width, height) of the upright crop. weight:
    (3, h, w), 0..1, how well a place suits the red, yellow and green lamp. red_log_odds: (h, w),
    red against yellow, within +-2. lamp_px: a lamp's diameter in the crop.
    """

    window_px: Box
    size: tuple[int, int]
    weight: Plane
    red_log_odds: Plane
    lamp_px: float
    transposed: bool
    flipped: bool

    def crop(self, window: Image) -> Image:
        """The head, upright, red on top, from its window of the picture."""
        part = window
        if self.transposed:
            part = part.swapaxes(0, 1)
        if self.flipped:
            part = part[::-1]
        if (part.shape[1], part.shape[0]) == self.size:
            return np.ascontiguousarray(part)
        resized = cv2.resize(np.ascontiguousarray(part), self.size, interpolation=cv2.INTER_AREA)
        return np.asarray(resized, np.uint8)


def place(head: SignalHead, width_px: int, height_px: int, group_id: str) -> Placement:
    """The placement of a head in pictures of a size; raises ConfigError naming the group."""
    boxes = _lamp_boxes(head)
    if not boxes and head.head_px is None:
        raise ConfigError(f"signal group {group_id!r}: a head needs head_px or lamps_px")
    whole = _union(boxes) if head.head_px is None else np.asarray(head.head_px, float)
    _check(whole, boxes, (width_px, height_px), group_id)
    lamp = _lamp_diameter(head, whole, boxes)
    # A single lamp's box is all lamp; its housing is around it.
    margin = (MARGIN if head.head_px is not None else 0.6) * lamp
    window = (
        max(0, round(whole[0] - margin)),
        max(0, round(whole[1] - margin)),
        min(width_px, round(whole[2] + margin)),
        min(height_px, round(whole[3] + margin)),
    )
    transposed = head.layout is HeadLayout.HORIZONTAL
    long, short = window[3] - window[1], window[2] - window[0]
    if transposed:
        long, short = short, long
    scale = min(1.0, LONGEST_PX / long)
    size = (max(SMALLEST_PX[0], round(short * scale)), max(SMALLEST_PX[1], round(long * scale)))
    likelihood = (
        _along_head(whole, window, size, transposed, head.swapped)
        if not boxes
        else _around_lamps(boxes, window, size, transposed, head.swapped)
    )
    odds = np.log((likelihood[0] + 1e-6) / (likelihood[1] + 1e-6))
    floor = FLOOR if not boxes else 0.1
    present = np.array([not boxes or aspect in boxes for aspect in LAMPS])
    if not present[:2].all():
        odds = np.zeros_like(odds)  # without a place for red or for yellow none speaks for either
    weight = np.where(present[:, None, None], floor + (1.0 - floor) * likelihood, 0.0)
    return Placement(
        window,
        size,
        weight.astype(np.float32),
        np.clip(odds, -2.0, 2.0).astype(np.float32),
        lamp * scale,
        transposed,
        head.swapped,
    )


def _lamp_boxes(head: SignalHead) -> dict[Aspect, Array]:
    return {aspect: np.asarray(box, float) for aspect, box in head.lamps_px.items()}


def _union(boxes: dict[Aspect, Array]) -> Array:
    stack = np.array(list(boxes.values()))
    return np.concatenate([stack[:, :2].min(axis=0), stack[:, 2:].max(axis=0)])


def _lamp_diameter(head: SignalHead, whole: Array, boxes: dict[Aspect, Array]) -> float:
    if boxes:
        return float(np.mean([min(box[2] - box[0], box[3] - box[1]) for box in boxes.values()]))
    across, along = whole[2] - whole[0], whole[3] - whole[1]
    if head.layout is HeadLayout.HORIZONTAL:
        across, along = along, across
    return float(min(across, along / 3.0))


def _check(
    whole: Array, boxes: dict[Aspect, Array], picture_px: tuple[int, int], group_id: str
) -> None:
    named = f"signal group {group_id!r}: the head at {[round(float(v), 1) for v in whole]}"
    if whole[0] < 0 or whole[1] < 0 or whole[2] > picture_px[0] or whole[3] > picture_px[1]:
        raise ConfigError(
            f"{named} lies partly outside the picture of {picture_px[0]}x{picture_px[1]}; draw it "
            "inside, or give the lamps that are visible one by one in lamps_px"
        )
    for aspect, box in boxes.items():
        if aspect not in LAMPS:
            raise ConfigError(f"{named} has a lamp {aspect.value!r}; use red, yellow or green")
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST_LAMP_PX:
            raise ConfigError(
                f"{named}: its {aspect.value} lamp is smaller than {SMALLEST_LAMP_PX} pixels; "
                "use a picture of higher resolution or a controller log"
            )
    sides = sorted((float(whole[2] - whole[0]), float(whole[3] - whole[1])))
    if not boxes and (sides[0] < SMALLEST_PX[0] or sides[1] < SMALLEST_PX[1]):
        raise ConfigError(
            f"{named} is {sides[0]:.0f}x{sides[1]:.0f} pixels, too small to read; it needs at "
            f"least {SMALLEST_PX[0]}x{SMALLEST_PX[1]} (higher resolution, or a controller log)"
        )


def _centres(low: float, high: float, count: int) -> Array:
    return low + (np.arange(count) + 0.5) * (high - low) / count


def _along_head(
    whole: Array,
    window: tuple[int, int, int, int],
    size: tuple[int, int],
    transposed: bool,
    flipped: bool,
) -> Array:
    """Likelihood (3, h, w) of each lamp for a head whose lamps share its length equally."""
    axis = 0 if transposed else 1
    at = _centres(window[axis], window[axis + 2], size[1])
    along = (at - whole[axis]) / (whole[axis + 2] - whole[axis])
    if flipped:
        along = 1.0 - along[::-1]
    profile = np.exp(-0.5 * ((along[None] - np.array(CENTRE)[:, None]) / SPREAD) ** 2)
    return np.repeat(profile[:, :, None], size[0], axis=2)


def _around_lamps(
    boxes: dict[Aspect, Array],
    window: tuple[int, int, int, int],
    size: tuple[int, int],
    transposed: bool,
    flipped: bool,
) -> Array:
    """Likelihood (3, h, w) of each lamp where every lamp has a box of its own."""
    across, along = (1, 0) if transposed else (0, 1)
    x = _centres(window[across], window[across + 2], size[0])
    y = _centres(window[along], window[along + 2], size[1])
    if flipped:
        y = y[::-1]
    planes = np.zeros((3, size[1], size[0]))
    for index, aspect in enumerate(LAMPS):
        if aspect in boxes:
            box = boxes[aspect]
            dx = (x - (box[across] + box[across + 2]) / 2) / (
                0.45 * (box[across + 2] - box[across])
            )
            dy = (y - (box[along] + box[along + 2]) / 2) / (0.45 * (box[along + 2] - box[along]))
            planes[index] = np.exp(-0.5 * (dx[None, :] ** 2 + dy[:, None] ** 2))
    return planes
