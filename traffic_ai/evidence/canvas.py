"""Lines, areas, arrows and labels drawn at a size that suits the picture, from 352x288 to 4K.

What `draw` draws a scene with.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.geometry import Array
from traffic_ai.core.printable import printable

Bgr = tuple[int, int, int]

WHITE: Bgr = (255, 255, 255)
BLACK: Bgr = (0, 0, 0)

_SUBPIXEL_BITS = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# The capital letters of OpenCV's Hershey font are 21 pixels high at scale 1.
_FONT_HEIGHT_PX = 21.0
_LEAST_TEXT_PX = 8.0


class Canvas:
    """A copy of a picture to draw on. `line_px`: width of a normal line; `text_px`: of capitals.

    Labels are placed at the first of the offered places where they cover no other label.
    """

    def __init__(self, image: Image) -> None:
        self.image: Image = image.copy()
        self.height_px, self.width_px = image.shape[:2]
        self.diagonal_px = float(np.hypot(self.width_px, self.height_px))
        self.line_px = max(1, round(self.diagonal_px / 700.0))
        self.text_px = max(_LEAST_TEXT_PX, self.diagonal_px / 110.0)
        self._taken: list[tuple[float, float, float, float]] = []

    def fill(self, areas: Sequence[tuple[Array, Bgr]], opacity: float) -> None:
        """Polygons (K, 2) tinted with a colour."""
        if not areas:
            return
        layer = self.image.copy()
        for polygon, colour in areas:
            cv2.fillPoly(layer, [_fixed_point(polygon)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        self._blend(layer, opacity)

    def faint_lines(self, lines: Sequence[tuple[Array, Bgr, int]], opacity: float) -> None:
        """Polylines (M, 2) of a colour and width that let the picture through."""
        if not lines:
            return
        layer = self.image.copy()
        for line, colour, width_px in lines:
            _polyline(layer, line, colour, width_px, closed=False)
        self._blend(layer, opacity)

    def line(self, line: Array, colour: Bgr, width: float = 1.0, closed: bool = False) -> None:
        """A polyline (M, 2) with a dark edge, so that it stands out on any ground."""
        width_px = max(1, round(width * self.line_px))
        _polyline(self.image, line, BLACK, width_px + 2 * ((self.line_px + 1) // 2), closed)
        _polyline(self.image, line, colour, width_px, closed)

    def thin_line(self, line: Array, colour: Bgr, closed: bool = False) -> None:
        """A polyline (M, 2) without an edge."""
        _polyline(self.image, line, colour, self.line_px, closed)

    def dashed_outline(self, polygon: Array, colour: Bgr) -> None:
        """A polygon's (K, 2) outline in thin dashes."""
        for piece in self._dashes(np.vstack([polygon, polygon[:1]])):
            self.thin_line(piece, colour)

    def dashed(self, line: Array, colour: Bgr, width: float = 1.0) -> None:
        """A dashed polyline (M, 2) with a dark edge."""
        for piece in self._dashes(line):
            self.line(piece, colour, width)

    def _dashes(self, points: Array) -> Iterator[Array]:
        dash_px = 8.0 * self.line_px
        for a, b in pairwise(points):
            length = float(np.hypot(*(b - a)))
            count = max(1, round(length / dash_px / 2.0))
            for i in range(count):
                yield a + (b - a) * np.array([[i / count], [(i + 0.5) / count]])

    def arrow(self, tail: Array, tip: Array, colour: Bgr, width: float = 1.0) -> None:
        """A shaft with a filled head."""
        along = np.asarray(tip, float) - tail
        length = float(np.hypot(*along))
        if length == 0.0:
            return
        unit = along / length
        head_px = min(length, 6.0 * self.line_px * max(1.0, width))
        shaft = np.array([tail, tip - 0.8 * head_px * unit])
        self.line(shaft, colour, width)
        self.arrow_head(np.asarray(tip, float), unit, colour, head_px)

    def arrow_head(
        self, tip: Array, unit: Array, colour: Bgr, size_px: float | None = None
    ) -> None:
        """A filled head with its tip at a point, towards a unit vector."""
        size_px = 5.0 * self.line_px + 2.0 if size_px is None else size_px
        side = np.array([-unit[1], unit[0]]) * size_px * 0.5
        base = tip - size_px * unit
        triangle = np.array([tip, base + side, base - side])
        edge_px = 2 * ((self.line_px + 1) // 2)
        _polyline(self.image, triangle, BLACK, edge_px, closed=True)
        cv2.fillPoly(self.image, [_fixed_point(triangle)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def label(self, text: str, places: Sequence[Array], colour: Bgr, size: float = 1.0) -> bool:
        """Text on a dark plate, centred at the first place that is free; False if none is."""
        text = printable(text)
        scale = size * self.text_px / _FONT_HEIGHT_PX
        pen_px = max(1, round(scale * 1.6))
        (width, height), below = cv2.getTextSize(text, _FONT, scale, pen_px)
        pad = max(2.0, 0.35 * height)
        half = np.array([width / 2.0 + pad, (height + below) / 2.0 + pad * 0.6])
        corner = np.array([self.width_px, self.height_px])
        for place in places:
            centre = np.clip(place, np.minimum(half, corner / 2), np.maximum(corner - half, half))
            box = (*(centre - half), *(centre + half))
            if any(_overlap(box, other) for other in self._taken):
                continue
            self._taken.append(box)
            self._plate(box)
            left, bottom = centre[0] - width / 2.0, centre[1] + (height - below) / 2.0 + below / 2
            at = (round(left), round(bottom))
            cv2.putText(self.image, text, at, _FONT, scale, colour, pen_px, cv2.LINE_AA)
            return True
        return False

    def around(self, point: Array, gap: float = 1.0) -> list[Array]:
        """Places for a label by a point: on it, then ever farther above, below, right and left."""
        step = self.text_px * 2.2 * gap
        directions = np.array([[0, 0], [0, -1], [0, 1], [2, 0], [-2, 0], [2, -1], [-2, 1]], float)
        return [point + step * reach * way for reach in (1.0, 2.0, 3.5) for way in directions]

    def _plate(self, box: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = (round(v) for v in box)
        part = self.image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        part[...] = (part * 0.3).astype(np.uint8)

    def _blend(self, layer: Image, opacity: float) -> None:
        cv2.addWeighted(layer, opacity, self.image, 1.0 - opacity, 0.0, self.image)


def _polyline(image: Image, line: Array, colour: Bgr, width_px: int, closed: bool) -> None:
    cv2.polylines(
        image, [_fixed_point(line)], closed, colour, width_px, cv2.LINE_AA, _SUBPIXEL_BITS
    )


def _fixed_point(points: Array) -> NDArray[np.int32]:
    """Points (N, 2) as OpenCV takes fractions of a pixel; pixel 0 is centred at 0.5."""
    shifted = (np.asarray(points, float) - 0.5) * 2**_SUBPIXEL_BITS
    return np.asarray(np.round(shifted), np.int32).reshape(-1, 1, 2)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
