"""The data bar of an annotated still: labelled values in rows under the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from traffic_ai.core.frame import Image
from traffic_ai.core.printable import printable

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LABEL_BGR = (170, 170, 170)
_VALUE_BGR = (255, 255, 255)
_BACKGROUND = 24
# Lines of text in the width of the picture: a line is 1/44 of the width high, 20 px at the least.
_LINE_SHARE = 44
_MIN_LINE_PX = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class _Type:
    """Lettering for a line height: scale and stroke for cv2.putText."""

    scale: float
    stroke: int

    def width_px(self, text: str) -> int:
        return int(cv2.getTextSize(text, _FONT, self.scale, self.stroke)[0][0])


def data_bar(cells: Sequence[Cell], width_px: int) -> Image:
    """A bar (H, width_px, 3) with every cell in reading order, broken into rows as needed."""
    line_px = max(_MIN_LINE_PX, width_px // _LINE_SHARE)
    lettering = _Type(line_px / 42.0, max(1, line_px // 24))
    margin_px = line_px // 2
    cells = [Cell(printable(cell.label), printable(cell.value)) for cell in cells]
    rows = _rows(cells, width_px - 2 * margin_px, line_px, lettering)
    height_px = round((len(rows) * 1.35 + 0.65) * line_px)
    bar = np.full((height_px, width_px, 3), _BACKGROUND, np.uint8)
    for number, row in enumerate(rows):
        baseline_px = round((number * 1.35 + 1.2) * line_px)
        for x_px, text, colour in row:
            at = (margin_px + x_px, baseline_px)
            cv2.putText(
                bar, text, at, _FONT, lettering.scale, colour, lettering.stroke, cv2.LINE_AA
            )
    return bar


_Placed = tuple[int, str, tuple[int, int, int]]


def _rows(
    cells: Sequence[Cell], width_px: int, line_px: int, lettering: _Type
) -> list[list[_Placed]]:
    """Where each piece of text goes; a value too wide for a row is broken within."""
    rows: list[list[_Placed]] = [[]]
    x_px = 0
    for cell in cells:
        label_px = lettering.width_px(cell.label + "  ")
        pieces = _broken(cell.value, width_px - label_px, lettering)
        needed_px = label_px + lettering.width_px(pieces[0])
        if x_px and x_px + needed_px > width_px:
            rows.append([])
            x_px = 0
        rows[-1].append((x_px, cell.label, _LABEL_BGR))
        rows[-1].append((x_px + label_px, pieces[0], _VALUE_BGR))
        for piece in pieces[1:]:
            rows.append([(label_px, piece, _VALUE_BGR)])
            x_px = 0
            needed_px = label_px + lettering.width_px(piece)
        x_px += needed_px + line_px
    return rows


def _broken(text: str, width_px: int, lettering: _Type) -> list[str]:
    """The text in pieces that fit a width; a piece has at least one character."""
    pieces = [""]
    for character in text.replace("\n", " "):
        if pieces[-1] and lettering.width_px(pieces[-1] + character) > width_px:
            pieces.append("")
        pieces[-1] += character
    return pieces
