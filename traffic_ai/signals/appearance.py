"""What a head looks like, learned per aspect, to notice that something stands in front of it.

Used by `lamps`. Bounded: one small grid for each aspect.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.frame import Image
from traffic_ai.core.signal import Aspect

Grid = NDArray[np.float32]

GRID = (6, 16)  # columns, rows
LEARN_S = 8.0  # time constant of the slow average
LONGEST_STEP_S = 0.5
FORGET_S = 20.0  # a look that has changed for good (camera moved, night mode) is learned anew
DIFFERENCE = 28.0  # levels of 255; below it noise, compression and rain
CHANGED_SHARE = 0.4
# Moves of the camera by one cell, tried until one fits.
SHAKE = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
GAIN = (0.6, 1.7)  # automatic exposure and clouds


@dataclass(slots=True)
class _Look:
    mean: Grid
    deviation: Grid
    seen_s: float
    changed_since_s: float | None = None


class Appearance:
    """Remembers the brightness pattern of one head under each aspect."""

    def __init__(self) -> None:
        self._looks: dict[Aspect, _Look] = {}

    def covered(self, crop: Image, aspect: Aspect, t_s: float) -> bool:
        """Whether the crop does not look as it did under that aspect; learns from it otherwise.

        An aspect seen for the first time is never covered. For DARK a head that only lost light
        is not covered either: at night nothing else of it is visible.
        """
        grid = cv2.resize(crop, GRID, interpolation=cv2.INTER_AREA).astype(np.float32).mean(-1)
        look = self._looks.get(aspect)
        if look is None:
            if aspect is Aspect.DARK and self._brighter_than_ever(grid):
                return True
            self._looks[aspect] = _Look(grid, np.full_like(grid, 6.0), t_s)
            return False
        if not _differs(grid, look):
            look.changed_since_s = None
            _learn(look, grid, t_s)
            return False
        if look.changed_since_s is None:
            look.changed_since_s = t_s
        if t_s - look.changed_since_s >= FORGET_S:
            self._looks[aspect] = _Look(grid, np.full_like(grid, 6.0), t_s)
            return False
        return True

    def _brighter_than_ever(self, grid: Grid) -> bool:
        if not self._looks:
            return False
        most = np.max([look.mean + 4.0 * look.deviation for look in self._looks.values()], axis=0)
        return bool(np.mean(grid > most + DIFFERENCE) > CHANGED_SHARE / 2.0)


def _differs(grid: Grid, look: _Look) -> bool:
    gain = float(np.median((grid + 8.0) / (look.mean + 8.0)))
    gain = min(max(gain, GAIN[0]), GAIN[1])
    return all(_differs_at(grid, look, gain, place) for place in SHAKE)


def _differs_at(grid: Grid, look: _Look, gain: float, shift: tuple[int, int]) -> bool:
    """Whether the grid differs from the look moved by (rows, columns)."""
    here, there = _overlap(shift)
    room = DIFFERENCE + 4.0 * (look.deviation[there] - 6.0)
    return bool(np.mean(np.abs(grid[here] - gain * look.mean[there]) > room) > CHANGED_SHARE)


def _overlap(shift: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a grid and of a moved one that cover the same place."""
    ahead = tuple(slice(max(0, d), None if d >= 0 else d) for d in shift)
    back = tuple(slice(max(0, -d), None if d <= 0 else -d) for d in shift)
    return (ahead[0], ahead[1]), (back[0], back[1])


def _learn(look: _Look, grid: Grid, t_s: float) -> None:
    # One picture after a long time must not replace what was learned before.
    share = 1.0 - float(np.exp(-min(t_s - look.seen_s, LONGEST_STEP_S) / LEARN_S))
    look.deviation += share * (np.maximum(np.abs(grid - look.mean), 6.0) - look.deviation)
    look.mean += share * (grid - look.mean)
    look.seen_s = t_s
