"""The outcome as tables in a terminal."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Column, Table

from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.summary import SpeedFigures, Summary, summarize
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
    spread,
    where,
    why_missed,
)

LISTED = 20


def print_report(report: Report, console: Console) -> None:
    """Print the tables of a report."""
    summary = summarize(report)
    console.print(scope(summary))
    for part in _parts(report, summary):
        console.print()
        console.print(part)
    for note in report.notes:
        console.print(f"note: {escape(note)}")


def _parts(report: Report, summary: Summary) -> Iterator[RenderableType]:
    yield _kinds(summary)
    if summary.speeds is not None:
        yield _speeds(summary)
    elif summary.speeds_without_truth:
        yield f"{WITHOUT_TRUTH}: {summary.speeds_without_truth}"
    if summary.tracks:
        yield _tracks(summary)
    if report.misses:
        yield _misses(report)
    if report.false_alarms:
        yield _false_alarms(report)
    if summary.withheld:
        yield _withheld(summary)


def _table(*heads: str) -> Table:
    """An empty table; in a narrow terminal its cells go over several lines, and nothing is cut."""
    return Table(*(Column(head, overflow="fold") for head in heads))


def _kinds(summary: Summary) -> Table:
    table = _table(
        "violation",
        "found",
        "recall % (95 %)",
        "false",
        "precision % (95 %)",
        f"false / {summary.rate_unit}",
        "time error",
        "",
    )
    for one in summary.kinds:
        table.add_row(
            kind_words(one.kind),
            counted(one.recall),
            percent(one.recall),
            str(one.false_alarms),
            percent(one.precision),
            rate(one.false_rate),
            spread(one.time_error_s, "s"),
            particular(one),
        )
    return table


def _speeds(summary: Summary) -> Table:
    table = _table(
        "speeds, km/h",
        "n",
        "mean (95 %)",
        "median (95 %)",
        "p95",
        "p99",
        "max",
        "within 3 km/h, 3 %",
        "over-read",
        "covered",
    )
    groups = (
        summary.speeds_by_class,
        summary.speeds_by_speed,
        summary.speeds_by_distance,
    )
    if summary.speeds is not None:
        _speed_row(table, summary.speeds)
    for group in groups:
        table.add_section()
        for one in group:
            _speed_row(table, one)
    if summary.speeds_without_truth:
        table.caption = f"{WITHOUT_TRUTH}: {summary.speeds_without_truth}"
    return table


def _speed_row(table: Table, figures: SpeedFigures) -> None:
    error = figures.error_kmh
    table.add_row(
        figures.group or NONE,
        str(error.count),
        signed(error.mean, error.mean_interval),
        signed(error.median, error.median_interval),
        f"{error.p95:.2f}",
        f"{error.p99:.2f}",
        f"{error.largest:.2f}",
        percent(figures.within),
        percent(figures.over_read),
        percent(figures.covered),
    )


def _tracks(summary: Summary) -> Table:
    table = _table("tracks", "HOTA", "AssA", "DetA", "IDF1", "MOTA", "changes of id", "true boxes")
    for one in summary.tracks[:LISTED]:
        shares = (one.hota, one.assa, one.deta, one.idf1, one.mota)
        figures = (f"{100.0 * share:.1f}" for share in shares)
        table.add_row(escape(one.world), *figures, str(one.id_switches), str(one.boxes))
    return table


def _misses(report: Report) -> Table:
    table = _table("missed", "at s", "vehicle", "how grave", "near miss", "deed")
    for one in report.misses[:LISTED]:
        table.add_row(
            kind_words(one.place.kind),
            f"{one.place.t_s:.2f}",
            escape(where(one.place)),
            one.detail,
            escape(why_missed(one)),
            escape(one.deed),
        )
    _tell_rest(table, len(report.misses))
    return table


def _false_alarms(report: Report) -> Table:
    table = _table("false", "at s", "vehicle", "why", "deed", "record")
    for one in report.false_alarms[:LISTED]:
        table.add_row(
            kind_words(one.place.kind),
            f"{one.place.t_s:.2f}",
            escape(where(one.place)),
            kind_words(one.why),
            escape(one.deed),
            one.record_id[:12],
        )
    _tell_rest(table, len(report.false_alarms))
    return table


def _withheld(summary: Summary) -> Table:
    table = _table("withheld", "reason", "near misses", "violations lost", "rightly, of nothing")
    for one in summary.withheld:
        table.add_row(
            kind_words(one.kind),
            escape(one.reason),
            str(one.count),
            str(one.violations),
            str(one.nothing),
        )
    return table


def _tell_rest(table: Table, total: int) -> None:
    if total > LISTED:
        table.caption = f"and {total - LISTED} more; all of them are in the JSON"
