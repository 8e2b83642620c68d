"""The outcome as one HTML page that needs nothing beside it: plots, tables, every mistake."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import compress

from traffic_ai.evaluate import plots
from traffic_ai.evaluate.page_style import STYLE
from traffic_ai.evaluate.report import Place, Report
from traffic_ai.evaluate.summary import SpeedFigures, Summary, summarize
from traffic_ai.evaluate.timeline import timeline
from traffic_ai.evaluate.words import (
    NONE,
    WITHOUT_TRUTH,
    counted,
    kind_words,
    particular,
    percent,
    rate,
    scope,
    signed,
    sized,
    spread,
    where,
    why_missed,
)

LISTED = 200


def page(report: Report, title: str) -> str:
    """The whole page."""
    summary = summarize(report)
    body = "".join(_sections(report, summary))
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in report.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><p class=scope>{escape(scope(summary))}</p>{notes}"
        f"{body}</main></body></html>\n"
    )


def _sections(report: Report, summary: Summary) -> Iterator[str]:
    yield _section("Violations", _tiles(summary), _kinds(summary))
    yield from _figures(
        ("Precision and recall", plots.precision_recall(summary), _legend("recall", "precision")),
        (
            "Time into red: charged less true",
            plots.time_into_red(report),
            _legend(*_users(hit.place for hit in report.hits if hit.red is not None))
            + "<p>In the shaded part more would be charged than is true. A line leads from the "
            "time charged to the longest possible one.</p>",
        ),
    )
    yield from _figures(
        (
            "Truth above, records below",
            timeline(report),
            _legend("hit", "miss", "false", "neither"),
        ),
        wide=True,
    )
    if report.speeds:
        yield _section("Speeds", _speeds(summary))
    users = _legend(*_users(reading.place for reading in report.speeds))
    yield from _figures(
        (
            "Speed error by speed",
            plots.speed_by_speed(report),
            f"{users}<p>Dashed: 3 km/h, above 100 km/h 3 %. {_UNCERTAINTY_WORDS}</p>",
        ),
        (
            "Speed error by distance",
            plots.speed_by_distance(report),
            f"{users}<p>{_UNCERTAINTY_WORDS}</p>",
        ),
    )
    if summary.tracks:
        yield _section("Tracks", _tracks(summary))
    withheld = plots.withheld(summary)
    if withheld is not None:
        yield from _figures(
            ("Withheld, by reason", withheld, _legend("lost", "harmless")), wide=True
        )
    if report.misses:
        yield _section(f"Missed ({len(report.misses)})", _misses(report))
    if report.false_alarms:
        yield _section(f"False ({len(report.false_alarms)})", _false_alarms(report))


_UNCERTAINTY_WORDS = (
    "Grey lines: the stated uncertainty of each reading, where they are few. Shaded: that of the "
    "middle of the readings around."
)
_TABLE_WORDS = (
    "<p>Measured less true, 95 % intervals in brackets; p95, p99 and max are of the size. Covered: "
    "the truth lies within the stated uncertainty.</p>"
)
_LEGEND_WORDS = {
    "hit": "found",
    "miss": "missed",
    "false": "false",
    "neither": "counts neither way",
    "lost": "a true violation lost",
    "harmless": "no violation, or one that need not be reported",
}
_LEGEND_CLASSES = {"lost": "miss", "harmless": "neither"}


def _users(places: Iterable[Place]) -> list[str]:
    return sorted({plots.user_class(place.road_user) for place in places})


def _legend(*kinds: str) -> str:
    items = "".join(
        f'<span><i class="{_LEGEND_CLASSES.get(kind, kind)}"></i>'
        f"{escape(_LEGEND_WORDS.get(kind, kind))}</span>"
        for kind in kinds
    )
    return f'<p class="legend">{items}</p>' if kinds else ""


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _figures(*given: tuple[str, str | None, str], wide: bool = False) -> Iterator[str]:
    """Plots side by side, those that show something."""
    shown = [
        f"<figure><h2>{escape(title)}</h2>{svg}<figcaption>{words}</figcaption></figure>"
        for title, svg, words in given
        if svg is not None
    ]
    if shown:
        yield f'<div class="{"wide" if wide else "pair"}">{"".join(shown)}</div>'


def _tiles(summary: Summary) -> str:
    """The few numbers that are asked for first."""
    tiles = []
    due, hits = (sum(getattr(k, name) for k in summary.kinds) for name in ("due", "hits"))
    false = sum(one.false_alarms for one in summary.kinds)
    tiles.append((f"{hits} of {due}", "violations found"))
    tiles.append((str(false), "false records"))
    if summary.speeds is not None:
        tiles.append(
            (percent(summary.speeds.within).split(" (")[0], "of speeds within 3 km/h, 3 %")
        )
    for red in (one.red for one in summary.kinds if one.red is not None):
        tiles.append((counted(red.over), "charged more than the true time into red"))
    if len(summary.tracks) == 1:
        tiles.append((f"{100.0 * summary.tracks[0].hota:.1f}", "HOTA"))
    cells = "".join(f"<div><b>{escape(big)}</b>{escape(words)}</div>" for big, words in tiles)
    return f'<div class="tiles">{cells}</div>'


def _kinds(summary: Summary) -> str:
    head = ("violation", "found", "recall", "false", "precision",
            f"false / {summary.rate_unit}", "time error (median)", "")  # fmt: skip
    return _table(
        head,
        (
            (
                kind_words(one.kind),
                counted(one.recall),
                percent(one.recall),
                str(one.false_alarms),
                percent(one.precision),
                rate(one.false_rate),
                spread(one.time_error_s, "s"),
                particular(one),
            )
            for one in summary.kinds
        ),
    )


def _speeds(summary: Summary) -> str:
    groups = [(summary.speeds,) if summary.speeds is not None else (), summary.speeds_by_class,
              summary.speeds_by_speed, summary.speeds_by_distance]  # fmt: skip
    head = ("error, km/h", "n", "mean (95 %)", "median (95 %)", "p95", "p99", "max",
            "within 3 km/h, 3 %", "over-read after deduction", "covered")  # fmt: skip
    count = summary.speeds_without_truth
    lost = f'<p class="note">{WITHOUT_TRUTH}: {count}.</p>' if count else ""
    table = _table(head, *(map(_speed_row, group) for group in groups))
    told = f'{table}<div class="words">{_TABLE_WORDS}</div>' if summary.speeds is not None else ""
    return told + lost


def _speed_row(figures: SpeedFigures) -> Sequence[str]:
    error = figures.error_kmh
    return (
        figures.group or NONE,
        str(error.count),
        signed(error.mean, error.mean_interval),
        signed(error.median, error.median_interval),
        sized(error.p95, error.p95_interval),
        sized(error.p99, error.p99_interval),
        f"{error.largest:.2f}",
        percent(figures.within),
        percent(figures.over_read),
        percent(figures.covered),
    )


def _tracks(summary: Summary) -> str:
    head = ("run", "HOTA", "AssA", "DetA", "IDF1", "MOTA", "changes of id", "true boxes")
    return _table(
        head,
        (
            (
                one.world,
                *(f"{100 * v:.1f}" for v in (one.hota, one.assa, one.deta, one.idf1, one.mota)),
                str(one.id_switches),
                str(one.boxes),
            )
            for one in summary.tracks[:LISTED]
        ),
    )


def _misses(report: Report) -> str:
    rows = (
        (
            kind_words(one.place.kind),
            f"{one.place.t_s:.2f} s",
            where(one.place),
            one.detail,
            why_missed(one),
            one.deed,
            _world(report, one.place),
        )
        for one in report.misses[:LISTED]
    )
    head = ("violation", "at", "vehicle", "how grave", "near miss", "deed", "run")
    return _table(head, rows) + _rest(len(report.misses))


def _false_alarms(report: Report) -> str:
    rows = (
        (
            kind_words(one.place.kind),
            f"{one.place.t_s:.2f} s",
            where(one.place),
            kind_words(one.why),
            one.deed,
            one.record_id[:12],
            _world(report, one.place),
        )
        for one in report.false_alarms[:LISTED]
    )
    head = ("violation", "at", "vehicle", "why", "deed", "record", "run")
    return _table(head, rows) + _rest(len(report.false_alarms))


def _world(report: Report, place: Place) -> str:
    """Which of several runs something was in."""
    return place.world if len(report.exposures) > 1 else ""


def _rest(total: int) -> str:
    return f'<p class="note">and {total - LISTED} more</p>' if total > LISTED else ""


def _table(head: Sequence[str], *groups: Iterable[Sequence[str]]) -> str:
    """A table, its empty columns left out; a line parts the groups of its rows."""
    given = [list(rows) for rows in groups]
    used = [any(row[i] for rows in given for row in rows) for i in range(len(head))]

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in compress(row, used))

    bodies = ("".join(f"<tr>{cells('td', row)}</tr>" for row in rows) for rows in given)
    body = "".join(f"<tbody>{rows}</tbody>" for rows in bodies if rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"{body}</table></div>"
    )
