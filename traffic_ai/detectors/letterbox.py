"""Letterboxing: a picture of any size into the network's input, and boxes back again.

The first step of detection. Pixel coordinates are continuous: a picture w pixels wide spans
[0, w], so that resizing multiplies coordinates by exactly new width / old width.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image

STRIDE_PX = 32  # the coarsest map of a YOLO head; an input side must be a multiple of it
GREY = 114  # what the networks were padded with in training
_UNIT = np.float32(1.0 / 255.0)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in the network's input.

    picture_px, resized_px, input_px: (width, height) of the picture, of the picture after
    resizing, and of the padded input; offset_px: (x, y) of the resized picture in the input.
    """

    picture_px: tuple[int, int]
    resized_px: tuple[int, int]
    input_px: tuple[int, int]
    offset_px: tuple[int, int]

    @classmethod
    def fit(cls, picture_px: tuple[int, int], input_px: tuple[int, int]) -> "Letterbox":
        """The picture as large as it goes into a given input, in its middle."""
        (w, h), (in_w, in_h) = picture_px, input_px
        ratio = min(in_w / w, in_h / h)
        resized = (_between(w * ratio, in_w), _between(h * ratio, in_h))
        offset = ((in_w - resized[0]) // 2, (in_h - resized[1]) // 2)
        return cls(picture_px, resized, input_px, offset)

    @classmethod
    def rectangular(cls, picture_px: tuple[int, int], longer_side_px: int) -> "Letterbox":
        """The picture with its longer side at a given length, in the smallest input that holds it.

        A 16:9 picture at 640 becomes 640x384, three fifths of the pixels of 640x640.
        """
        ratio = longer_side_px / max(picture_px)
        resized = (
            _between(picture_px[0] * ratio, longer_side_px),
            _between(picture_px[1] * ratio, longer_side_px),
        )
        padded = (_multiple(resized[0]), _multiple(resized[1]))
        offset = ((padded[0] - resized[0]) // 2, (padded[1] - resized[1]) // 2)
        return cls(picture_px, resized, padded, offset)

    def to_input(self, xyxy_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of the picture in the input's pixels."""
        return np.asarray(xyxy_px * self._scale() + self._shift(), np.float32)

    def to_picture(self, xyxy_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of the input in the picture's pixels, clipped to the picture."""
        boxes = (xyxy_px - self._shift()) / self._scale()
        limit = np.array(self.picture_px * 2, np.float32)
        return np.asarray(np.clip(boxes, 0.0, limit), np.float32)

    def _scale(self) -> NDArray[np.float64]:
        ratio = (
            self.resized_px[0] / self.picture_px[0],
            self.resized_px[1] / self.picture_px[1],
        )
        return np.array(ratio * 2)

    def _shift(self) -> NDArray[np.float64]:
        return np.array(self.offset_px * 2, float)


class Canvas:
    """The network's input for a picture of one letterbox, kept from one call to the next.

    `blob`: float32 (1, 3, H, W), RGB, 0..1, grey around the picture. Fresh memory for each picture
    would cost more than the conversion.
    """

    def __init__(self, box: Letterbox) -> None:
        self._box = box
        (w, h), (in_w, in_h) = box.resized_px, box.input_px
        self._resized = np.empty((h, w, 3), np.uint8)
        self.blob = np.full((1, 3, in_h, in_w), GREY * _UNIT, np.float32)

    def draw(self, image: Image) -> None:
        """Lay a picture (H, W, 3) BGR of size `picture_px` into the blob."""
        box = self._box
        if box.resized_px != box.picture_px:
            # Bilinear, as in training; it reads 2x2 pixels only, so stronger shrinking would skip
            # pixels and make small vehicles flicker: there the average over the area is taken.
            shrinks = box.picture_px[0] > 2 * box.resized_px[0]
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            cv2.resize(image, box.resized_px, dst=self._resized, interpolation=method)
            image = self._resized
        (x, y), (w, h) = box.offset_px, box.resized_px
        for channel in range(3):
            plane = self.blob[0, channel, y : y + h, x : x + w]
            np.multiply(image[:, :, 2 - channel], _UNIT, out=plane)


def _between(length_px: float, most_px: int) -> int:
    return min(max(1, round(length_px)), most_px)


def _multiple(length_px: int) -> int:
    return -(-length_px // STRIDE_PX) * STRIDE_PX
