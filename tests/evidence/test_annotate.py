"""Annotated stills: the vehicle marked where it was, the facts under the picture."""

import dataclasses
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MadeFootage, scene, signals, trajectory, violation, wall
from traffic_ai.core.frame import Frame, FrameInfo
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.annotate import MIN_WIDTH_PX, annotate, bar_cells, box_at
from traffic_ai.evidence.bar import Cell, data_bar

RED = violation(ViolationKind.RED_LIGHT)


def still(t_s=12.0, width_px=352, height_px=288):
    return MadeFootage(width_px, height_px).stills([t_s])[0]


def cells_of(made=RED, t_s=12.0, zone=UTC, captured_at=None, histories=None, place=""):
    info = FrameInfo("gate", 1, t_s, captured_at, 352, 288)
    cells = bar_cells(info, "at", made, scene(), histories, zone, place)
    return {cell.label: cell.value for cell in cells}


def test_the_bar_gives_what_a_reviewer_needs_of_a_red_light_violation():
    cells = cells_of(captured_at=wall(12.0), histories=signals())
    assert cells == {
        "time": "2026-05-01 03:00:12.000 +00:00 (+-1 s, given start time)",
        "in recording": "12.000 s",
        "still": "at (+0.00 s)",
        "camera": "gate",
        "lane": "lane-1",
        "kind": "red light",
        "vehicle": "car",
        "time into red": "0.90 s",
        "yellow": "3.20 s",
        "signal main": "red for 1.00 s",
        "record": RED.id,
    }


def test_speed_is_given_with_its_uncertainty_and_the_limit():
    cells = cells_of(violation(ViolationKind.SPEEDING))
    assert (cells["speed"], cells["limit"]) == ("83.5 +- 1.8 km/h", "50 km/h")


def test_what_is_deducted_and_enforced_stands_beside_what_was_measured():
    assert cells_of(violation(ViolationKind.SPEEDING))["deducted"] == "nothing"
    measured = dataclasses.replace(
        violation(ViolationKind.SPEEDING).measurement,
        tolerance_kmh=5.0,
        deduction="DE",
        deducted_kmh=3.0,
        enforced_kmh=80.0,
    )
    cells = cells_of(violation(ViolationKind.SPEEDING, measurement=measured))
    told = ("speed", "limit", "tolerance", "deducted", "enforced")
    assert [cells[name] for name in told] == [
        "83.5 +- 1.8 km/h",
        "50 km/h",
        "5 km/h",
        "3 km/h (DE)",
        "80 km/h",
    ]


def test_the_place_is_named_where_it_has_a_name():
    assert "place" not in cells_of()
    assert cells_of(place="Main road, north")["place"] == "Main road, north"


def test_distance_and_duration_are_given_where_they_are_measured():
    cells = cells_of(violation(ViolationKind.WRONG_WAY))
    assert (cells["distance"], cells["duration"]) == ("14.2 m (u 0.7 m)", "2.4 s")


def test_times_are_in_the_given_zone_with_its_offset():
    cells = cells_of(zone=ZoneInfo("Asia/Kathmandu"), captured_at=wall(12.0))
    assert cells["time"].startswith("2026-05-01 08:45:12.000 +05:45")


def test_the_time_of_a_still_without_one_follows_from_the_event():
    assert cells_of(t_s=13.5)["time"].startswith("2026-05-01 03:00:13.500 +00:00")
    assert cells_of(violation(occurred_at=None))["time"] == "unknown"


def test_the_signal_is_the_one_at_the_moment_of_the_still():
    assert cells_of(t_s=10.0, histories=signals())["signal main"] == "yellow for 2.20 s"
    assert cells_of(t_s=1.0, histories=signals())["signal main"] == "unknown"
    other_lane = violation(lane_id="lane-2")
    assert "signal main" not in cells_of(other_lane, histories=signals())


@given(st.floats(10.0, 14.0))
def test_the_box_is_where_the_vehicle_was_at_that_moment(t_s):
    box = box_at(trajectory(12.0), t_s)
    bottom = 200.0 - 20.0 * (t_s - 12.0)
    assert box == pytest.approx((140.0, bottom - 40.0, 200.0, bottom))


@pytest.mark.parametrize("t_s", [9.9, 14.1])
def test_outside_the_trajectory_no_box_is_made_up(t_s):
    assert box_at(trajectory(12.0), t_s) is None
    assert box_at((), 12.0) is None


@pytest.mark.parametrize("size", [(352, 288), (640, 360), (1920, 1080), (3840, 2160), (200, 360)])
def test_the_picture_is_whole_and_the_bar_lies_under_it(size):
    width_px, height_px = size
    drawn = annotate(still(12.0, *size), "at", RED, scene(*size), signals())
    factor = drawn.shape[1] // width_px
    assert drawn.shape[1] == factor * width_px >= MIN_WIDTH_PX
    bar = drawn[factor * height_px :]
    assert 30 <= len(bar) < drawn.shape[1] * 0.2
    assert bar.max() == 255, "the bar has text"
    grey = 12
    corner = drawn[factor * (height_px - 10) : factor * height_px - 1, : factor * 10]
    assert (abs(corner.astype(int) - grey) <= 1).all(), "nothing is drawn in the picture's corner"


def test_the_still_itself_is_not_drawn_on():
    frame = still()
    before = frame.image.copy()
    annotate(frame, "at", RED, scene(), signals())
    assert np.array_equal(frame.image, before)


def test_the_vehicle_is_framed_and_left_clean_inside():
    drawn = annotate(still(), "at", violation(trajectory=trajectory(12.0)), scene(), signals())
    left, top, right, bottom = (3 * v for v in (140, 160, 200, 200))
    red = (drawn[:, :, 2] > 200) & (drawn[:, :, 1] < 60) & (drawn[:, :, 0] < 60)
    for y, x in ((top, 500), (bottom, 560), (500, left), (560, right)):
        assert red[y - 3 : y + 4, x - 3 : x + 4].any()
    inside = drawn[top + 6 : bottom - 6, left + 6 : left + 80].astype(int)
    assert (abs(inside - 12) <= 1).all()


def test_a_vehicle_partly_outside_the_picture_is_drawn_without_fail():
    half_out = tuple(
        type(p)(p.t_s, (-50.0, 250.0, 400.0, 330.0), (175.0, 330.0), None, None, True, True)
        for p in trajectory(12.0)
    )
    drawn = annotate(still(), "at", violation(trajectory=half_out), scene(), None)
    assert drawn.shape[1] == 1056


def test_a_frame_that_cannot_be_written_to_can_be_annotated():
    image = np.full((288, 352, 3), 90, np.uint8)
    image.flags.writeable = False
    frame = Frame(FrameInfo("gate", 1, 12.0, None, 352, 288), image)
    assert annotate(frame, "at", RED, scene(), None).shape[1] == 1056


@given(
    st.lists(st.builds(Cell, st.text(max_size=12), st.text(max_size=300)), max_size=6),
    st.integers(320, 2000),
)
def test_any_text_fits_into_a_bar_of_the_pictures_width(cells, width_px):
    bar = data_bar(cells, width_px)
    assert bar.shape[1] == width_px
    right_edge = bar[:, -2:]
    assert (right_edge == right_edge[0, 0]).all(), "no text runs into the right edge"


def test_a_long_value_is_broken_into_rows():
    short = data_bar([Cell("camera", "gate")], 960)
    long = data_bar([Cell("camera", "gate " * 100)], 960)
    assert len(long) > 2 * len(short)
