"""Plots as inline SVG: axes, points, bars. No library and no script, so a page holds by itself.

Colours are the page's CSS classes. Every text is escaped here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 62.0, 16.0, 12.0, 46.0


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from low to high with its label.

    names: words at places instead of numbers. whole: counts, so only whole numbers are marked.
    """

    low: float
    high: float
    label: str
    names: tuple[tuple[float, str], ...] = ()
    whole: bool = False

    @classmethod
    def around(
        cls, values: Sequence[float], label: str, *, zero: bool = False, least: float = 1.0
    ) -> "Axis":
        """An axis that holds the values with some room, `least` long; from 0 on, if `zero`."""
        low, high = min(values, default=0.0), max(values, default=0.0)
        if zero:
            low = min(low, 0.0)
        room = max(0.06 * (high - low), (least - (high - low)) / 2.0)
        return cls(low if zero and low == 0.0 else low - room, high + room, label)

    def ticks(self) -> list[tuple[float, str]]:
        """Round places and their words."""
        if self.names:
            return list(self.names)
        step = _round_step((self.high - self.low) / 5.0)
        step = max(step, 1.0) if self.whole else step
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(i * step, f"{i * step:.{digits}f}") for i in range(first, last + 1)]


def _round_step(rough: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * m for m in (1.0, 2.0, 5.0, 10.0) if power * m >= rough * 0.999)


@dataclass(slots=True)
class Plot:
    """A plot that is drawn on in the values of its axes."""

    x: Axis
    y: Axis
    title: str
    width: float = 560.0
    height: float = 320.0
    left: float = MARGIN_LEFT
    _parts: list[str] = field(default_factory=list)

    def across(self, value: float) -> float:
        """The place of an x value in the picture."""
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return self.left + share * (self.width - self.left - MARGIN_RIGHT)

    def down(self, value: float) -> float:
        """The place of a y value in the picture."""
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return self.height - MARGIN_BOTTOM - share * (self.height - MARGIN_TOP - MARGIN_BOTTOM)

    def point(self, x: float, y: float, kind: str, words: str = "", size: float = 3.0) -> None:
        """A dot with a tooltip."""
        where = f'cx="{self.across(x):.1f}" cy="{self.down(y):.1f}" r="{size:g}"'
        self._parts.append(f'<circle class="{kind}" {where}>{_title(words)}</circle>')

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A line through points."""
        self._parts.append(f'<polyline class="{kind}" points="{self._places(points)}"/>')

    def area(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A filled polygon."""
        self._parts.append(f'<polygon class="{kind}" points="{self._places(points)}"/>')

    def bar(
        self, x: tuple[float, float], y: tuple[float, float], kind: str, words: str = ""
    ) -> None:
        """A rectangle with a tooltip, at least 2 pixels wide, cut at the axis's ends."""
        low, high = self.x.low, self.x.high
        left, right = (self.across(min(max(at, low), high)) for at in x)
        top, bottom = self.down(y[1]), self.down(y[0])
        self._parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" rx="1.5" '
            f'width="{max(right - left, 2.0):.1f}" height="{max(bottom - top, 0.5):.1f}">'
            f"{_title(words)}</rect>"
        )

    def words(self, x: float, y: float, text: str, kind: str = "", *, shift: float = 0.0) -> None:
        """A text that begins at a place, shifted to the right by some pixels."""
        where = f'x="{self.across(x) + shift:.1f}" y="{self.down(y) + 4.0:.1f}"'
        self._parts.append(f'<text class="{kind}" {where}>{escape(text)}</text>')

    def svg(self) -> str:
        """The whole picture."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" style="max-width:{self.width:g}px"'
        inside = "".join(self._parts)
        return (
            f'<svg {size} role="img" aria-label="{escape(self.title)}">'
            f"{self._grid()}{inside}{self._labels()}</svg>"
        )

    def _places(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in points)

    def _grid(self) -> str:
        left, right = self.left, self.width - MARGIN_RIGHT
        top, bottom = MARGIN_TOP, self.height - MARGIN_BOTTOM
        parts = []
        for value, text in self.x.ticks():
            at = self.across(value)
            parts.append(
                f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{bottom}"/>'
            )
            parts.append(
                f'<text class="tick" text-anchor="middle" x="{at:.1f}" y="{bottom + 16:.1f}">'
                f"{escape(text)}</text>"
            )
        for value, text in self.y.ticks():
            at = self.down(value)
            parts.append(
                f'<line class="grid" x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
            )
            parts.append(
                f'<text class="tick" text-anchor="end" x="{left - 7:.1f}" y="{at + 4:.1f}">'
                f"{escape(text)}</text>"
            )
        return "".join(parts)

    def _labels(self) -> str:
        middle_x = (self.left + self.width - MARGIN_RIGHT) / 2
        middle_y = (MARGIN_TOP + self.height - MARGIN_BOTTOM) / 2
        return (
            f'<text class="label" text-anchor="middle" x="{middle_x:.1f}" '
            f'y="{self.height - 8:.1f}">{escape(self.x.label)}</text>'
            f'<text class="label" text-anchor="middle" transform="translate(14 {middle_y:.1f}) '
            f'rotate(-90)">{escape(self.y.label)}</text>'
        )


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""
