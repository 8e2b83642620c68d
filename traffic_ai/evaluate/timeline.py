"""The page's picture of a single run in time: what truly happened and what was reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.report import FalseReason, Place, Report
from traffic_ai.evaluate.svg import MARGIN_BOTTOM, MARGIN_TOP, Axis, Plot
from traffic_ai.evaluate.words import kind_words, where

WIDTH, LEFT = 1140.0, 112.0
# Bars at the same time lie above each other in layers so thick; so many of them at the most.
_LAYER_PX, _MOST_LAYERS = 12.0, 20
_ROW_GAP_PX, _LEAST_ROW_PX = 22.0, 46.0
# Bars nearer to each other than this share of the run would look like one.
_APART = 0.004


@dataclass(frozen=True, slots=True)
class _Mark:
    """A bar: of the truth above a kind's middle line, or of a record below it."""

    kind: ViolationKind
    is_true: bool
    when_s: tuple[float, float]
    style: str
    words: str


def timeline(report: Report) -> str | None:
    """When violations were and what was reported, one row a kind; of a single run only."""
    if len(report.exposures) != 1:
        return None
    duration_s = max(report.exposures[0].duration_s, 1.0)
    marks = list(_marks(report))
    rows: list[tuple[float, list[tuple[_Mark, int]]]] = []
    names, base_px = [], 0.0
    for kind in reversed([kind for kind in ViolationKind if kind in report.kinds]):
        true, told = (
            _layers([m for m in marks if m.kind is kind and m.is_true is side], _APART * duration_s)
            for side in (True, False)
        )
        over, under = (_LAYER_PX * (1 + max((at for _, at in s), default=0)) for s in (true, told))
        height_px = max(_LEAST_ROW_PX, over + under + _ROW_GAP_PX)
        middle_px = base_px + (height_px + under - over) / 2.0
        names.append((middle_px, kind_words(kind)))
        rows.append((middle_px, true + told))
        base_px += height_px
    plot = Plot(
        Axis(0.0, duration_s, "time in the video, s"),
        Axis(0.0, max(base_px, 1.0), "", tuple(names)),
        "truth and records in time",
        width=WIDTH,
        height=base_px + MARGIN_TOP + MARGIN_BOTTOM,
        left=LEFT,
    )
    for middle_px, placed in rows:
        for mark, layer in placed:
            near_px = 1.5 + layer * _LAYER_PX
            ends = (near_px, near_px + _LAYER_PX - 2.0)
            low, high = ends if mark.is_true else (-ends[1], -ends[0])
            plot.bar(mark.when_s, (middle_px + low, middle_px + high), mark.style, mark.words)
    return plot.svg()


def _layers(marks: Sequence[_Mark], apart_s: float) -> list[tuple[_Mark, int]]:
    """Each mark with the lowest layer that is free at its time."""
    free_s: list[float] = []
    placed = []
    for mark in sorted(marks, key=lambda mark: mark.when_s):
        start_s, end_s = mark.when_s
        layer = next((i for i, from_s in enumerate(free_s) if from_s <= start_s), len(free_s))
        layer = min(layer, _MOST_LAYERS - 1)
        free_s[layer : layer + 1] = [max(end_s, start_s) + apart_s]
        placed.append((mark, layer))
    return placed


def _marks(report: Report) -> Iterator[_Mark]:
    def mark(
        place: Place, when_s: tuple[float, float], style: str, words: str, is_true: bool
    ) -> _Mark:
        told = f"{words}: {where(place)} at {when_s[0]:.2f} s"
        return _Mark(place.kind, is_true, when_s, style, told)

    for hit in report.hits:
        yield mark(hit.place, _span(hit.place), "hit", "true, found", True)
        yield mark(hit.place, hit.found_s, "hit", "record, right", False)
    for miss in report.misses:
        yield mark(miss.place, _span(miss.place), "miss", f"true, missed ({miss.detail})", True)
    for false in report.false_alarms:
        words = "reported twice" if false.why is FalseReason.DUPLICATE else "false"
        yield mark(false.place, _span(false.place), "false", f"record, {words}", False)
    for one in report.neither_way:
        yield mark(one.place, _span(one.place), "neither", "true, counts neither way", True)


def _span(place: Place) -> tuple[float, float]:
    return place.t_s, place.until_s
