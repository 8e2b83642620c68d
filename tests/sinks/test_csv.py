"""Violations as a table: readable by any RFC 4180 reader, harmless in a spreadsheet."""

import csv
import dataclasses
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import PROVENANCE, START, violation, wall
from traffic_ai.core.record import (
    EvidenceState,
    Headline,
    RejectionReason,
    Review,
    ReviewState,
    StoredViolation,
    headline,
)
from traffic_ai.core.violation import ViolationKind
from traffic_ai.sinks.csv import COLUMNS, text_cell, write_csv

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001  the full-width forms are meant


def stored(kind=ViolationKind.SPEEDING, **changes):
    made = violation(kind)
    row = StoredViolation(
        id=made.id,
        kind=kind,
        camera_id="gate",
        lane_id="lane-1",
        road_user="car",
        t_s=12.0,
        occurred_at=wall(12.0),
        headline=headline(made.measurement),
        rule_version="1",
        provenance=PROVENANCE,
        source="videos/gate.mp4",
        evidence_state=EvidenceState.WRITTEN,
        evidence_path="evidence/gate/speeding/2026-05-01/x",
        evidence_message="",
        created_at=datetime(2026, 5, 2, tzinfo=UTC),
    )
    return dataclasses.replace(row, **changes)


def written(rows, **options):
    stream = io.StringIO(newline="")
    write_csv(rows, stream, **options)
    return stream.getvalue()


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_table_without_violations_has_its_header():
    assert written([]) == ",".join(COLUMNS) + "\r\n"


def test_a_speeding_row_holds_speed_uncertainty_limit_and_nothing_that_does_not_apply():
    [row] = read(written([stored()]))
    assert tuple(row) == COLUMNS
    assert (row["kind"], row["camera_id"], row["road_user"]) == ("speeding", "gate", "car")
    assert (row["speed_kmh"], row["speed_uncertainty_kmh"], row["limit_kmh"]) == (
        "83.46",
        "1.80",
        "50.00",
    )
    assert row["t_s"] == "12.000"
    assert (row["time_into_red_s"], row["distance_m"], row["evidence_message"]) == ("", "", "")
    assert row["config_hash"] == "c" * 64


def test_what_is_enforced_after_a_deduction_stands_at_the_end():
    [row] = read(written([stored()]))
    assert (row["deducted_kmh"], row["enforced_kmh"]) == ("", "")
    figures = dataclasses.replace(stored().headline, deducted_kmh=3.0, enforced_kmh=80.0)
    [row] = read(written([stored(headline=figures)]))
    assert list(row.items())[-6:-4] == [("deducted_kmh", "3"), ("enforced_kmh", "80")]


def test_the_decision_of_a_person_stands_at_the_end():
    [row] = read(written([stored()]))
    assert list(row.items())[-4:] == [
        ("review_state", "proposed"),
        ("review_reason", ""),
        ("reviewed_by", ""),
        ("reviewed_at", ""),
    ]
    review = Review(
        ReviewState.REJECTED, RejectionReason.WRONG_SIGNAL, "", "=cmd()", START, chain_entry=3
    )
    [row] = read(written([stored(review=review)]))
    assert list(row.values())[-4:] == [
        "rejected",
        "wrong_signal",
        "'=cmd()",
        "2026-05-01T03:00:00.000+00:00",
    ]


def test_a_red_light_row_holds_the_time_into_red():
    [row] = read(written([stored(ViolationKind.RED_LIGHT)]))
    assert (row["time_into_red_s"], row["yellow_duration_s"], row["speed_kmh"]) == (
        "0.900",
        "3.200",
        "",
    )


def test_times_carry_the_offset_of_the_asked_zone():
    [row] = read(written([stored()]))
    assert row["occurred_at"] == "2026-05-01T03:00:12.000+00:00"
    [row] = read(written([stored()], time_zone=ZoneInfo("Asia/Bangkok")))
    assert row["occurred_at"] == "2026-05-01T10:00:12.000+07:00"
    assert datetime.fromisoformat(row["occurred_at"]) == wall(12.0).utc
    assert (row["occurred_at_bound_s"], row["occurred_at_source"]) == ("1.000", "given_start_time")


def test_an_unknown_time_is_an_empty_cell():
    [row] = read(written([stored(occurred_at=None)]))
    assert (row["occurred_at"], row["occurred_at_bound_s"], row["occurred_at_source"]) == (
        "",
        "",
        "",
    )


def test_lines_end_as_rfc_4180_says_and_the_mark_comes_only_when_asked():
    text = written([stored()])
    assert text.count("\r\n") == 2
    assert text.count("\n") == 2
    assert written([stored()], byte_order_mark=True) == "\ufeff" + text


def test_the_number_of_rows_is_returned():
    assert write_csv(iter([stored(), stored()]), io.StringIO()) == 2


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n-2", " \u3000=cmd", "＝1"],  # noqa: RUF001
)
def test_text_that_could_be_a_formula_is_disarmed(text):
    [row] = read(written([stored(lane_id=text)]))
    assert row["lane_id"] == "'" + text


def test_numbers_below_zero_stay_numbers():
    figures = Headline(distance_m=-0.75, time_into_red_s=-0.0004)
    [row] = read(written([stored(headline=figures, t_s=-1.5)]))
    assert (row["t_s"], row["distance_m"], row["time_into_red_s"]) == ("-1.500", "-0.75", "0.000")


@given(st.text())
def test_no_text_cell_starts_a_formula_and_one_apostrophe_off_gives_the_text_back(text):
    cell = text_cell(text)
    assert not cell.startswith(tuple(FORMULA_STARTS))
    assert not cell.lstrip().startswith(tuple(FORMULA_STARTS))
    assert cell.removeprefix("'") == text


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, NUMBER, NUMBER), max_size=4))
def test_any_row_can_be_read_back(made):
    rows = [
        stored(
            lane_id=lane,
            source=source,
            evidence_message=message,
            headline=Headline(speed_kmh=speed, distance_m=distance),
        )
        for lane, source, message, speed, distance in made
    ]
    data = written(rows).encode("utf-8").decode("utf-8")
    found = read(data)
    assert len(found) == len(rows)
    for row, (lane, source, message, speed, distance) in zip(found, made, strict=True):
        assert row["lane_id"].removeprefix("'") == lane
        assert row["source"].removeprefix("'") == source
        assert row["evidence_message"].removeprefix("'") == message
        for name, value in (("speed_kmh", speed), ("distance_m", distance)):
            assert (row[name] == "") == (value is None)
            if value is not None:
                assert float(row[name]) == pytest.approx(value, abs=0.00501)
