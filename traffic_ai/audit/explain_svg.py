"""SVG for explanations: lines, texts and a time axis. Every text is escaped here."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from traffic_ai.core.geometry import Array

WIDTH = 1000.0
LEFT, RIGHT = 70.0, 20.0
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1e9)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment to mark: from start_s to end_s, the same where it is exact."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The seconds that charts share, and where they lie."""

    start_s: float
    end_s: float

    def x(self, t_s: float) -> float:
        """Place of a moment, held within the axis."""
        share = (t_s - self.start_s) / max(self.end_s - self.start_s, 1e-9)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def parts(self, y: float) -> Iterator[str]:
        """The axis with its seconds, at height y."""
        step = round_step(self.end_s - self.start_s, 12)
        yield line(LEFT, y, WIDTH - RIGHT, y, "axis")
        for n in range(math.ceil(self.start_s / step), math.floor(self.end_s / step) + 1):
            x = self.x(n * step)
            yield line(x, y, x, y + 5, "axis")
            yield text(x, y + 20, f"{n * step:g}", "middle")
        yield text(LEFT - 8, y + 20, "s", "end")


def round_step(span: float, most: int) -> float:
    """The smallest round step that needs at most so many to cover a span."""
    return next(step for step in _STEPS if span / step <= most)


def svg(parts: Iterable[str], width: float, height: float, style: str) -> str:
    """A drawing that takes the page's width."""
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'class="{style}">\n{inside}\n</svg>'
    )


def line(x0: float, y0: float, x1: float, y1: float, style: str) -> str:
    """A straight line."""
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" class="{style}"/>'


def rect(x: float, y: float, width: float, height: float, style: str) -> str:
    """A rectangle, at least a pixel wide."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1.0):.1f}" height="{height:.1f}" '
        f'class="{style}"/>'
    )


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """A text, escaped."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def places(points: Array) -> str:
    """Points (N, 2) as SVG wants them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points.tolist())


def moment_parts(moments: Iterable[Moment], axis: TimeAxis, bottom: float) -> Iterator[str]:
    """Marks over a chart, each with its label in a row of its own."""
    for row, moment in enumerate(moments):
        a, b, y = axis.x(moment.start_s), axis.x(moment.end_s), label_room(row)
        yield rect(a, y + 4, b - a, bottom - y - 4, "during") if b > a else ""
        yield line(a, y + 4, a, bottom, "mark")
        right = a < WIDTH * 0.6
        yield text(a + 5 if right else a - 5, y + 2, moment.label, "start" if right else "end")


def label_room(rows: int) -> float:
    """Height that so many rows of labels take."""
    return 16.0 + 17.0 * rows
