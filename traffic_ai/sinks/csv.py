"""Violations as a table in a text file (RFC 4180, UTF-8): one row each, units in the names."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import TextIO

from traffic_ai.core.record import StoredViolation

COLUMNS = (
    "id",
    "kind",
    "camera_id",
    "lane_id",
    "road_user",
    "occurred_at",
    "occurred_at_bound_s",
    "occurred_at_source",
    "t_s",
    "speed_kmh",
    "speed_uncertainty_kmh",
    "limit_kmh",
    "time_into_red_s",
    "yellow_duration_s",
    "distance_m",
    "distance_uncertainty_m",
    "duration_s",
    "evidence_state",
    "evidence_path",
    "evidence_message",
    "source",
    "rule_version",
    "software_version",
    "source_hash",
    "config_hash",
    "model_hash",
    "deducted_kmh",
    "enforced_kmh",
    "review_state",
    "review_reason",
    "reviewed_by",
    "reviewed_at",
)

# The last four are the full-width forms of = + - @, which spreadsheets read like the plain ones.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_csv(
    rows: Iterable[StoredViolation],
    stream: TextIO,
    time_zone: tzinfo = UTC,
    byte_order_mark: bool = False,
) -> int:
    """Write a header and the rows to a text stream opened with newline=""; how many rows.

    Times are ISO 8601 in `time_zone`, with its offset. What does not apply is an empty cell.
    `byte_order_mark` makes Excel read the file as UTF-8; LibreOffice and most libraries skip it.
    """
    if byte_order_mark:
        stream.write("\ufeff")
    writer = csv.writer(stream, dialect="excel", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        writer.writerow(_cells(row, time_zone))
        count += 1
    return count


def _cells(row: StoredViolation, time_zone: tzinfo) -> tuple[str, ...]:
    moment, figures, provenance = row.occurred_at, row.headline, row.provenance
    return (
        text_cell(row.id),
        row.kind.value,
        text_cell(row.camera_id),
        text_cell(row.lane_id),
        text_cell(row.road_user),
        _moment(moment.utc if moment else None, time_zone),
        _number(moment.bound_s if moment else None, 3),
        moment.source.value if moment else "",
        _number(row.t_s, 3),
        _number(figures.speed_kmh, 2),
        _number(figures.speed_uncertainty_kmh, 2),
        _number(figures.limit_kmh, 2),
        _number(figures.time_into_red_s, 3),
        _number(figures.yellow_duration_s, 3),
        _number(figures.distance_m, 2),
        _number(figures.distance_uncertainty_m, 2),
        _number(figures.duration_s, 3),
        row.evidence_state.value,
        text_cell(row.evidence_path or ""),
        text_cell(row.evidence_message),
        text_cell(row.source),
        text_cell(row.rule_version),
        text_cell(provenance.software_version),
        text_cell(provenance.source_hash),
        text_cell(provenance.config_hash),
        text_cell(provenance.model_hash),
        _number(figures.deducted_kmh, 0),
        _number(figures.enforced_kmh, 0),
        row.review.state.value,
        row.review.reason.value if row.review.reason else "",
        text_cell(row.review.by),
        _moment(row.review.at, time_zone),
    )


def _moment(moment: datetime | None, time_zone: tzinfo) -> str:
    return moment.astimezone(time_zone).isoformat(timespec="milliseconds") if moment else ""


def text_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula.

    One apostrophe is put before text that starts like a formula, white space aside, and before
    text that starts with an apostrophe, so that taking one off gives the text back.
    """
    risky = text.startswith(("'", *_FORMULA_STARTS)) or text.lstrip().startswith(_FORMULA_STARTS)
    return "'" + text if risky else text


def _number(value: float | None, digits: int) -> str:
    """A plain decimal, never in exponents; "-0.00" is "0.00"."""
    if value is None:
        return ""
    return f"{round(value, digits) + 0.0:.{digits}f}"
