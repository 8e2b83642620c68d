"""What the page shows of a report: one function a plot, None where there is nothing to show."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from traffic_ai.evaluate.intervals import Share
from traffic_ai.evaluate.report import Report, SpeedReading
from traffic_ai.evaluate.summary import (
    ALLOWED_KMH,
    ALLOWED_SHARE,
    UP_TO_KMH,
    Summary,
)
from traffic_ai.evaluate.svg import Axis, Plot
from traffic_ai.evaluate.words import counted, kind_words, where

# More dots are thinned evenly; more whiskers hide the dots.
MOST_DOTS, MOST_WHISKERS = 3000, 120
_PARTS = 8
T = TypeVar("T")
ROAD_USERS = ("car", "motorcycle", "truck", "bus", "bicycle", "person")


def precision_recall(summary: Summary) -> str | None:
    """Precision and recall of each kind with their intervals."""
    kinds = [one for one in summary.kinds if one.due or one.false_alarms]
    if not kinds:
        return None
    count = len(kinds)
    names = tuple((count - i - 0.5, kind_words(one.kind)) for i, one in enumerate(kinds))
    lowest = 100.0 * min(
        share.low for one in kinds for share in (one.recall, one.precision) if share.of
    )
    plot = Plot(
        Axis(
            0.0 if lowest < 50.0 else 10.0 * (lowest // 10.0), 100.0, "percent, with 95 % interval"
        ),
        Axis(0.0, float(count), "", names),
        "precision and recall",
        height=58.0 + 56.0 * count,
        left=112.0,
    )
    for i, one in enumerate(kinds):
        middle = count - i - 0.5
        _whisker(plot, middle + 0.16, one.recall, "recall")
        _whisker(plot, middle - 0.16, one.precision, "precision")
    return plot.svg()


def _whisker(plot: Plot, y: float, share: Share, kind: str) -> None:
    if share.value is None:
        return
    low, high, value = (100.0 * part for part in (share.low, share.high, share.value))
    plot.line([(low, y), (high, y)], f"whisker {kind}")
    plot.point(value, y, kind, f"{kind} {value:.1f} %: {counted(share)}", 5.0)


def speed_by_speed(report: Report) -> str | None:
    """Speed errors over the true speed, with the allowance and the stated uncertainty."""
    return _speed_plot(report, "true speed, km/h", lambda r: r.true_kmh, allowance=True)


def speed_by_distance(report: Report) -> str | None:
    """Speed errors over the distance from the camera, with the stated uncertainty."""
    return _speed_plot(report, "distance from the camera, m", lambda r: r.distance_m)


def _speed_plot(
    report: Report,
    label: str,
    value_of: Callable[[SpeedReading], float | None],
    allowance: bool = False,
) -> str | None:
    known = [(value_of(r), r, r.true_kmh) for r in report.speeds]
    readings = _thinned(
        [
            (at, reading, reading.measured_kmh - true_kmh)
            for at, reading, true_kmh in known
            if at is not None and true_kmh is not None
        ]
    )
    if not readings:
        return None
    x = Axis.around([at for at, _, _ in readings], label, least=10.0)
    few = len(readings) <= MOST_WHISKERS
    halves = [r.expanded_uncertainty_kmh for _, r, _ in readings]
    reach = max(
        [abs(error) + half * few for (_, _, error), half in zip(readings, halves, strict=True)]
        + ([_allowed_kmh(x.high)] if allowance else [])
    )
    plot = Plot(x, Axis(-1.1 * reach, 1.1 * reach, "measured less true, km/h"), f"error by {label}")
    # Between few readings there is nothing to be shaded: their own lines tell.
    edges = _uncertainty(plot, readings) if len(readings) >= _PARTS else []
    if edges:
        plot.area(edges + [(at, -half) for at, half in reversed(edges)], "band")
    if allowance:
        for sign in (-1.0, 1.0):
            plot.line([(v, sign * _allowed_kmh(v)) for v in (x.low, UP_TO_KMH, x.high)
                       if x.low <= v <= x.high], "allowance")  # fmt: skip
    plot.line([(x.low, 0.0), (x.high, 0.0)], "zero")
    for (at, reading, error), half in zip(readings, halves, strict=True):
        if few:
            plot.line([(at, error - half), (at, error + half)], "bound")
        words = (
            f"{where(reading.place)}: {reading.measured_kmh:.1f} km/h, "
            f"true {reading.true_kmh:.1f} km/h, {reading.place.world}"
        )
        plot.point(at, error, user_class(reading.place.road_user), words, 3.0 if few else 2.0)
    for sign in (-1.0, 1.0) if edges else ():
        plot.line([(at, sign * half) for at, half in edges], "edge")
    return plot.svg()


def _allowed_kmh(speed_kmh: float) -> float:
    return ALLOWED_KMH if speed_kmh <= UP_TO_KMH else ALLOWED_SHARE * speed_kmh


def _uncertainty(
    plot: Plot, readings: Sequence[tuple[float, SpeedReading, float]]
) -> list[tuple[float, float]]:
    """The stated uncertainty along the axis: the middle one of each part of the readings."""
    ordered = sorted(readings, key=lambda row: row[0])
    middle = []
    for part in np.array_split(np.arange(len(ordered)), min(_PARTS, len(ordered))):
        rows = [ordered[i] for i in part]
        half = float(np.median([r.expanded_uncertainty_kmh for _, r, _ in rows]))
        middle.append((float(np.median([at for at, _, _ in rows])), half))
    return [(plot.x.low, middle[0][1]), *middle, (plot.x.high, middle[-1][1])]


def user_class(road_user: str) -> str:
    """The CSS class of a class of road user."""
    return road_user if road_user in ROAD_USERS else "other"


def time_into_red(report: Report) -> str | None:
    """The chargeable time into red less the true one, over the true one."""
    hits = _thinned([(hit, hit.red) for hit in report.hits if hit.red is not None])
    if not hits:
        return None
    few = len(hits) <= MOST_WHISKERS
    errors = [red.chargeable_s - red.true_s for _, red in hits]
    ends = [red.latest_s - red.true_s for _, red in hits] if few else []
    plot = Plot(
        Axis.around([red.true_s for _, red in hits], "true time into red, s", zero=True),
        Axis.around([0.0, *errors, *ends], "charged less true, s", least=0.1),
        "time into red",
    )
    low, high = plot.x.low, plot.x.high
    plot.area([(low, 0.0), (high, 0.0), (high, plot.y.high), (low, plot.y.high)], "forbidden")
    plot.line([(low, 0.0), (high, 0.0)], "zero")
    for (hit, red), error in zip(hits, errors, strict=True):
        if few:
            plot.line([(red.true_s, error), (red.true_s, red.latest_s - red.true_s)], "bound")
        words = (
            f"{where(hit.place)}: charged {red.chargeable_s:.2f} s, at most {red.latest_s:.2f} s, "
            f"true {red.true_s:.2f} s, {hit.place.world}"
        )
        plot.point(red.true_s, error, user_class(hit.place.road_user), words)
    return plot.svg()


def withheld(summary: Summary) -> str | None:
    """Near misses by reason: those that lost a violation first, then the others."""
    rows = summary.withheld
    if not rows:
        return None
    count = len(rows)
    names = tuple(
        (count - i - 0.5, f"{kind_words(one.kind)}: {kind_words(one.reason)}")
        for i, one in enumerate(rows)
    )
    most = max(one.count for one in rows)
    plot = Plot(
        Axis(0.0, 1.1 * most, "near misses", whole=True),
        Axis(0.0, float(count), "", names),
        "withheld by reason",
        width=1140.0,
        height=58.0 + 24.0 * count,
        left=245.0,
    )
    for i, one in enumerate(rows):
        band = (count - i - 0.82, count - i - 0.18)
        if one.violations:
            plot.bar((0.0, one.violations), band, "miss", f"{one.violations} true violations lost")
        if one.count > one.violations:
            words = f"{one.count - one.violations} rightly or harmlessly withheld"
            plot.bar((one.violations, one.count), band, "neither", words)
        plot.words(one.count, count - i - 0.5, str(one.count), "tick", shift=6.0)
    return plot.svg()


def _thinned(rows: Sequence[T]) -> list[T]:
    """At most MOST_DOTS of the rows, evenly taken."""
    if len(rows) <= MOST_DOTS:
        return list(rows)
    return [rows[i] for i in np.linspace(0, len(rows) - 1, MOST_DOTS).round().astype(int)]
