"""Truth that a person noted down: boxes alone score tracks, and what is not known is not judged."""

import json

import pytest

from tests.evaluate.made import (
    PARAMETERS,
    path,
    red_light,
    red_record,
    speed_record,
    speeding,
    truth,
    vehicle,
    wrong_way_record,
)
from tests.evaluate.test_tracking import frames_of
from traffic_ai.core.errors import UsageError
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.json_report import report_document
from traffic_ai.evaluate.page import page
from traffic_ai.evaluate.summary import summarize
from traffic_ai.evaluate.tracking import judged_frames, score_tracks
from traffic_ai.evaluate.truth_document import truth_of


def boxes_of(number, **changes):
    """A vehicle as a person draws it: boxes, nothing else."""
    made = vehicle(number)
    return {key: made[key] for key in ("id", "first_frame", "box_px")} | changes


def document(vehicles, violations=(), **changes):
    """What a person noted down, without what only a simulator knows."""
    return {
        "format": "traffic-ai-truth/2",
        "duration_s": 60.0,
        "t_s": [round(i * 0.1, 4) for i in range(600)],
        "vehicles": list(vehicles),
        "violations": list(violations),
    } | changes


def judged(records, given):
    return evaluate(records, [], given, PARAMETERS)


def test_boxes_alone_are_enough_to_score_tracks():
    pytest.importorskip("trackers")
    given = truth_of(document([boxes_of(1)]))
    scores = score_tracks(frames_of((5, vehicle(1), 0, 59)), given)
    assert (scores.hota, scores.boxes) == (pytest.approx(1.0), 60)


def test_a_vehicle_is_sought_in_the_frames_that_have_its_box():
    seen = boxes_of(1)
    seen["box_px"][10] = None
    given = truth_of(document([seen]))
    counts = [len(frame.true_id) for frame in judged_frames(frames_of(), given)]
    assert (counts[9], counts[10], counts[11]) == (1, 0, 1)


def test_records_are_matched_by_the_boxes():
    beside = vehicle(2, x_m=6.0)
    given = truth_of(document([boxes_of(1), boxes_of(2, box_px=beside["box_px"])],
                              [red_light(1, 2.0)]))  # fmt: skip
    assert len(judged([red_record(2.0, vehicle(1))], given).hits) == 1
    assert len(judged([red_record(2.0, beside)], given).misses) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vehicles": [boxes_of(1, box=[])]}, ["vehicles[0]", "'box'", "box_px"]),
        ({"camera": {"position": [1, 2, 3]}}, ["camera", "'position'", "position_m"]),
        ({"camera": {"position_m": [1]}}, ["position_m of camera", "[1.0]"]),
        ({"frames": 600}, ["'frames'", "t_s"]),
        ({"violations": [{"kind": "red_light", "t_s": 1, "vehicle": 7}]}, ["vehicle", "7"]),
        ({"vehicles": [boxes_of(1), boxes_of(1)]}, ["id of vehicles[1] is 1"]),
        ({"vehicles": [boxes_of(1, box_px=[])]}, ["box_px of vehicles[0]", "empty"]),
        ({"vehicles": [boxes_of(1, box_px=[[50, 60, 20, 80]])]}, ["[50.0, 60.0, 20.0, 80.0]",
                                                                "[left, top, right, bottom]"]),
        ({"vehicles": [boxes_of(1, box_px=[[1, None, 3, 4]])]}, ["[1, None, 3, 4]", "null or"]),
        ({"vehicles": [boxes_of(1, ground_m=[[1, 2]])]}, ["ground_m of vehicles[0] has 1", "60"]),
        ({"vehicles": [boxes_of(1, visible=[1.0])]}, ["visible of vehicles[0] has 1", "60"]),
        ({"duration_s": 10**400}, ["duration_s"]),
    ],
)  # fmt: skip
def test_what_is_misspelt_or_does_not_fit_is_told(changes, said):
    with pytest.raises(UsageError) as told:
        truth_of(document([boxes_of(1)]) | changes)
    for words in said:
        assert words in str(told.value)


# -- where vehicles are is not known ---------------------------------------------------------


def test_a_speed_whose_truth_is_not_known_is_not_judged():
    given = truth_of(document([boxes_of(1)], camera={"position_m": [2.0, -10.0, 6.0]}))
    report = judged([speed_record(1.0, 3.0, 54.0, vehicle(1))], given)
    (reading,) = report.speeds
    assert (reading.true_kmh, reading.distance_m, reading.place.vehicle) == (None, None, 1)
    summary = summarize(report)
    assert (summary.speeds, summary.speeds_without_truth) == (None, 1)
    json.dumps(report_document(report), allow_nan=False)
    assert "speeds without a true one beside them: 1" in page(report, "page")


def test_a_speed_that_was_noted_is_what_is_true_where_the_way_is_not_known():
    noted = speeding(1, 1.0, 80.0)
    given = truth_of(document([boxes_of(1)], [noted]))
    (reading,) = judged([speed_record(1.0, 3.0, 81.0, vehicle(1))], given).speeds
    assert reading.true_kmh == 80.0


def gap(first, last):
    """A vehicle that is not surveyed in some of its frames."""
    car = vehicle(1)
    car["ground_m"][first:last] = [None] * (last - first)
    return car


def test_speeds_are_judged_where_the_way_is_known_all_the_while():
    car = gap(20, 25)
    records = [
        speed_record(start_s, end_s, 55.0, car, id=f"{start_s}")
        for start_s, end_s in ((0.5, 1.9), (1.0, 3.0), (2.2, 2.3), (2.5, 4.0))
    ]
    readings = judged(records, truth([], [car])).speeds
    assert [reading.true_kmh for reading in readings] == [
        pytest.approx(54.0), None, None, pytest.approx(54.0)
    ]  # fmt: skip
    figures = summarize(judged(records, truth([], [car]))).speeds
    assert (figures.within.of, figures.covered.count) == (2, 2)


def test_a_page_is_made_where_a_place_is_not_known():
    car = gap(0, 60)
    report = judged([speed_record(1.0, 3.0, 55.0, car)], truth([speeding(1, 1.0, 54.0)], [car]))
    assert "speed error by" in page(report, "page").lower()
    assert "nan" not in page(report, "page")


def wrong_way(**changes):
    return {"kind": "wrong_way", "t_s": 1.0, "until_s": 5.0} | changes


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [(0, 60, False), (12, 14, False), (0, 5, True), (30, 60, True)],
)
def test_an_alarm_is_timed_where_the_way_until_it_could_be_told_is_known(first, last, told):
    car = gap(first, last)  # 15 m/s: 8 m are driven 0.6 s after the onset
    record = wrong_way_record(1.0, 2.3, car)
    (hit,) = judged([record], truth([wrong_way(vehicle=1)], [car])).hits
    assert (hit.alarm is not None) == told
    if told:
        assert hit.alarm.after_s == pytest.approx(0.7)


def test_the_metres_of_an_alarm_are_not_told_where_they_are_not_known():
    car = gap(18, 19)
    (hit,) = judged([wrong_way_record(1.0, 2.3, car)], truth([wrong_way(vehicle=1)], [car])).hits
    assert (hit.alarm.after_s, hit.alarm.after_m) == (pytest.approx(0.7), None)


def test_without_the_drivers_way_no_alarm_is_called_late_or_in_time():
    given = truth_of({"format": "traffic-ai-truth/2", "duration_s": 60.0,
                      "violations": [wrong_way(vehicle=1)]})  # fmt: skip
    report = judged([wrong_way_record(1.0, 2.6)], given)
    assert [hit.alarm for hit in report.hits] == [None]
    kinds = {one.kind: one for one in summarize(report).kinds}
    assert kinds[ViolationKind.WRONG_WAY].alarm is None


def test_tracks_of_a_vehicle_without_places_are_its_own():
    given = truth_of(document([boxes_of(1)], [red_light(1, 2.0)]))
    report = evaluate([], [], given, PARAMETERS, {1: path(vehicle(1))})
    assert [miss.place.vehicle for miss in report.misses] == [1]
