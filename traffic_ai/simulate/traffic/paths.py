"""Paths on the road: smooth lines by arc length, made of straights and circular arcs.

Every driver follows one; places beside it are found back as distance along and to the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Floats

# Arcs are followed by nodes at most this far apart; between nodes a cubic keeps within a micron.
_ARC_STEP_M = 0.5


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of even curvature, 1/m, positive to the right."""

    length_m: float
    curvature: float = 0.0


class Path:
    """A line by arc length from its start. It goes on straight beyond both ends.

    s_m (M,), points_m (M, 2), heading_rad (M,) clockwise from +Y, without jumps.
    """

    def __init__(self, s_m: Floats, points_m: Floats, heading_rad: Floats) -> None:
        self.s_m, self.points_m, self.heading_rad = s_m, points_m, heading_rad
        steps_m = np.diff(s_m)
        self._curvature = np.diff(heading_rad) / steps_m
        self._tangents = np.stack([np.sin(heading_rad), np.cos(heading_rad)], axis=-1)
        chords_m = np.diff(points_m, axis=0)
        self._chord_m = np.hypot(chords_m[:, 0], chords_m[:, 1])
        self._chords = chords_m / self._chord_m[:, None]

    @classmethod
    def of(
        cls, start_m: tuple[float, float], heading_deg: float, pieces: Sequence[Piece]
    ) -> "Path":
        """Pieces one after the other from a start."""
        s_m, points_m, headings = [0.0], [np.asarray(start_m, float)], [np.radians(heading_deg)]
        for piece in pieces:
            count = 1 if piece.curvature == 0.0 else int(np.ceil(piece.length_m / _ARC_STEP_M))
            at_m, heading, from_m = points_m[-1], headings[-1], s_m[-1]
            for number in range(1, count + 1):
                along_m = piece.length_m * number / count
                s_m.append(from_m + along_m)
                headings.append(heading + piece.curvature * along_m)
                points_m.append(at_m + _moved_m(heading, piece.curvature, along_m))
        return cls(np.array(s_m), np.array(points_m), np.array(headings))

    @property
    def length_m(self) -> float:
        """From end to end."""
        return float(self.s_m[-1])

    @property
    def is_straight(self) -> bool:
        """Whether it never bends."""
        return len(self.s_m) == 2

    def reversed(self) -> "Path":
        """The same line driven the other way."""
        return Path(
            self.length_m - self.s_m[::-1], self.points_m[::-1], self.heading_rad[::-1] + np.pi
        )

    def offset(self, right_m: float) -> "Path":
        """The line so far to the right of this one."""
        normal = np.stack([self._tangents[:, 1], -self._tangents[:, 0]], axis=-1)
        steps_m = np.diff(self.s_m) * (1 - self._curvature * right_m)
        s_m = np.concatenate([[0.0], np.cumsum(steps_m)])
        return Path(s_m, self.points_m + right_m * normal, self.heading_rad)

    def _pieces(self, s_m: Floats) -> tuple["np.typing.NDArray[np.intp]", Floats]:
        """The step each place lies in, and how far into it."""
        i = np.clip(np.searchsorted(self.s_m, s_m, side="right") - 1, 0, len(self.s_m) - 2)
        return i, s_m - self.s_m[i]

    def headings(self, s_m: Floats) -> Floats:
        """Heading (T,) at places (T,)."""
        if self.is_straight:
            return np.full(len(s_m), self.heading_rad[0])
        i, into_m = self._pieces(s_m)
        inside_m = np.clip(into_m, 0.0, self.s_m[i + 1] - self.s_m[i])
        return np.asarray(self.heading_rad[i] + self._curvature[i] * inside_m)

    def curvatures(self, s_m: Floats) -> Floats:
        """Curvature (T,) at places (T,), positive to the right; 0 beyond the ends."""
        i, into_m = self._pieces(s_m)
        within = (into_m >= 0) & (into_m <= self.s_m[i + 1] - self.s_m[i])
        return np.where(within, self._curvature[i], 0.0)

    def points(self, s_m: Floats) -> Floats:
        """Points (T, 2) at places (T,): exact on straights, on arcs too."""
        if self.is_straight:
            return np.asarray(self.points_m[0] + s_m[:, None] * self._tangents[0])
        i, into_m = self._pieces(s_m)
        length_m = self.s_m[i + 1] - self.s_m[i]
        inside_m = np.clip(into_m, 0.0, length_m)
        beyond_m = into_m - inside_m
        heading = self.heading_rad[i]
        moved = _moved_m(heading, self._curvature[i], inside_m)
        end = heading + self._curvature[i] * inside_m
        tangent = np.stack([np.sin(end), np.cos(end)], axis=-1)
        return np.asarray(self.points_m[i] + moved + beyond_m[:, None] * tangent)

    def project(self, points_m: Floats) -> tuple[Floats, Floats]:
        """Distance along (N,) and to the right (N,) of points (N, 2) near the line."""
        if self.is_straight:
            return self._beside(points_m - self.points_m[0], self._tangents[0])
        apart_m = points_m[:, None] - self.points_m[None, :-1]
        along_m = np.einsum("nmi,mi->nm", apart_m, self._chords)
        low = np.where(np.arange(len(self._chord_m)) == 0, -np.inf, 0.0)
        high = np.where(np.arange(len(self._chord_m)) == len(self._chord_m) - 1, np.inf, 1.0)
        inside_m = np.clip(along_m, low, self._chord_m * high)
        right_m = apart_m[..., 0] * self._chords[:, 1] - apart_m[..., 1] * self._chords[:, 0]
        away_m2 = right_m**2 + (along_m - inside_m) ** 2
        nearest = np.argmin(away_m2, axis=1)
        rows = np.arange(len(points_m))
        side = np.where(right_m[rows, nearest] < 0, -1.0, 1.0)
        scale = np.diff(self.s_m)[nearest] / self._chord_m[nearest]
        s_m = self.s_m[nearest] + inside_m[rows, nearest] * scale
        return s_m, side * np.sqrt(away_m2[rows, nearest])

    @staticmethod
    def _beside(apart_m: Floats, tangent: Floats) -> tuple[Floats, Floats]:
        along_m = apart_m @ tangent
        return along_m, apart_m[:, 0] * tangent[1] - apart_m[:, 1] * tangent[0]


def _moved_m(heading: Floats | float, curvature: Floats | float, along_m: Floats | float) -> Floats:
    """Way (..., 2) from a place with a heading along an arc: the chord of the turn made.

    The chord of an arc of length s and turn a is s sin(a/2) / (a/2), in the middle direction.
    """
    half = 0.5 * np.asarray(curvature) * np.asarray(along_m)
    chord_m = np.asarray(along_m) * np.sinc(half / np.pi)
    middle = np.asarray(heading) + half
    return np.stack([chord_m * np.sin(middle), chord_m * np.cos(middle)], axis=-1)
