"""What a run reported, judged by what truly happened."""

import dataclasses

import numpy as np
import pytest

from tests.evaluate.made import (
    PARAMETERS,
    hand_made,
    near_miss,
    path,
    red_light,
    red_record,
    speed,
    speed_record,
    speeding,
    stop_record,
    truth,
    vehicle,
    wrong_way_record,
)
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.report import FalseReason, Report, Withheld
from traffic_ai.evaluate.summary import summarize
from traffic_ai.rules.deduction import DeductionScheme
from traffic_ai.rules.parameters import RedLightParameters, SpeedingParameters


def judged(records, given, near_misses=(), parameters=PARAMETERS, **options):
    return evaluate(records, near_misses, given, parameters, **options)


def of_kind(report, kind):
    return next(one for one in summarize(report).kinds if one.kind is kind)


# -- matching --------------------------------------------------------------------------------


def test_a_record_of_the_true_vehicle_at_the_true_time_is_a_hit():
    car = vehicle(1)
    report = judged([red_record(2.0, car)], truth([red_light(1, 2.1)], [car]))
    (hit,) = report.hits
    assert (hit.place.vehicle, hit.record_id) == (1, "red_light-2.000")
    assert hit.time_error_s == pytest.approx(-0.1)
    assert not report.false_alarms
    assert not report.misses


def test_a_record_of_the_car_beside_is_false_and_the_violator_is_missed():
    violator, beside = vehicle(1), vehicle(2, x_m=6.0)
    given = truth([red_light(1, 2.0)], [violator, beside])
    report = judged([red_record(2.0, beside)], given)
    assert not report.hits
    (false,) = report.false_alarms
    assert (false.place.vehicle, false.why) == (2, FalseReason.NO_VIOLATION)
    assert [miss.place.vehicle for miss in report.misses] == [1]


def test_a_car_hidden_closely_behind_another_may_be_either():
    front = vehicle(1)
    behind = vehicle(2) | {"box_px": [[a, b + 4, c, d + 4] for a, b, c, d in front["box_px"]]}
    given = truth([red_light(2, 2.0)], [front, behind])
    assert len(judged([red_record(2.0, front)], given).hits) == 1


def test_a_record_of_nothing_is_false():
    car = vehicle(1)
    ghost = vehicle(9, x_m=30.0)
    report = judged([red_record(2.0, ghost)], truth([red_light(1, 2.0)], [car]))
    (false,) = report.false_alarms
    assert false.place.vehicle is None


def test_a_second_record_of_one_violation_is_a_duplicate_and_counts_as_false():
    car = vehicle(1)
    records = [red_record(2.0, car), red_record(2.6, car)]
    report = judged(records, truth([red_light(1, 2.05)], [car]))
    assert [hit.record_id for hit in report.hits] == ["red_light-2.000"]
    assert [one.why for one in report.false_alarms] == [FalseReason.DUPLICATE]
    figures = of_kind(report, ViolationKind.RED_LIGHT)
    assert (figures.precision.count, figures.precision.of, figures.duplicates) == (1, 2, 1)


def test_a_record_far_off_in_time_is_no_match():
    car = vehicle(1)
    report = judged([red_record(4.5, car)], truth([red_light(1, 2.0)], [car]))
    assert (len(report.hits), len(report.false_alarms), len(report.misses)) == (0, 1, 1)


def test_two_close_violators_are_told_apart_by_time():
    first, second = vehicle(1, start_s=1.0), vehicle(2, start_s=2.0)
    given = hand_made([red_light(None, 3.0), red_light(None, 3.8, into_s=1.8, tolerance_s=1.0)])
    report = judged([red_record(3.75, second), red_record(2.9, first)], given)
    assert {hit.record_id: hit.place.t_s for hit in report.hits} == {
        "red_light-2.900": 3.0,
        "red_light-3.750": 3.8,
    }


def test_kinds_are_not_mixed():
    car = vehicle(1)
    report = judged([stop_record(2.0, true=car)], truth([red_light(1, 2.0)], [car]))
    assert (len(report.hits), len(report.false_alarms), len(report.misses)) == (0, 1, 1)


def test_stamps_that_differ_from_true_moments_are_what_records_are_held_against():
    car = vehicle(1)
    given = truth(
        [red_light(1, 2.0)], [car], stamps_s=[round(5.0 + i * 0.1, 4) for i in range(600)]
    )
    seen = vehicle(1, start_s=5.0)
    (hit,) = judged([red_record(7.0, seen)], given).hits
    assert hit.time_error_s == pytest.approx(0.0, abs=1e-6)
    assert hit.red.true_s == 1.0


# -- hand-made truth -------------------------------------------------------------------------


def test_hand_made_truth_is_matched_by_lane_and_class_where_it_knows_them():
    def hits(**known):
        given = hand_made([{"kind": "red_light", "t_s": 2.0} | known])
        return len(judged([red_record(2.1, vehicle(1))], given).hits)

    assert hits() == 1
    assert hits(lane="lane-2") == 1
    assert hits(lane="lane-6") == 0
    assert hits(**{"class": "truck"}) == 1  # a detector mixes them up
    assert hits(**{"class": "motorcycle"}) == 0


def test_hand_made_truth_is_matched_by_a_box_where_it_has_one():
    car = vehicle(1)
    seen = car["box_px"][20]

    def hits(shift_px):
        box = [value + shift_px for value in seen]
        given = hand_made([{"kind": "red_light", "t_s": 2.0, "box_px": box, "lane": "other"}])
        return len(judged([red_record(2.1, car)], given).hits)

    assert hits(2.0) == 1
    assert hits(60.0) == 0


def test_hand_made_truth_says_how_exact_its_times_are():
    def hits(tolerance_s):
        given = hand_made([{"kind": "red_light", "t_s": 2.0, "tolerance_s": tolerance_s}])
        return len(judged([red_record(4.0)], given).hits)

    assert (hits(0.5), hits(2.5)) == (0, 1)


def test_kinds_that_truth_did_not_look_for_are_not_judged():
    given = hand_made([], kinds=["red_light"])
    report = judged([stop_record(2.0)], given)
    assert report.kinds == {ViolationKind.RED_LIGHT}
    assert not report.false_alarms


def test_kinds_whose_rule_did_not_run_are_not_judged():
    parameters = dataclasses.replace(PARAMETERS, red_light=None)
    report = judged([], hand_made([red_light(None, 2.0)]), parameters=parameters)
    assert not report.misses


# -- the run's own parameters ----------------------------------------------------------------


@pytest.mark.parametrize(("into_s", "found"), [(0.2, False), (0.3, False), (0.31, True)])
def test_a_crossing_within_the_grace_time_must_not_be_reported(into_s, found):
    car = vehicle(1)
    given = truth([red_light(1, 2.0, into_s)], [car])
    report = judged([red_record(2.0, car, into_s)], given)
    if found:
        assert len(report.hits) == 1
    else:
        assert [one.why for one in report.false_alarms] == [FalseReason.BELOW_THRESHOLD]
    assert not judged([], given).hits
    assert bool(judged([], given).misses) == found


def test_the_grace_time_is_the_runs_own():
    car = vehicle(1)
    lenient = dataclasses.replace(PARAMETERS, red_light=RedLightParameters(grace_s=1.5))
    assert not judged([], truth([red_light(1, 2.0)], [car]), parameters=lenient).misses


@pytest.mark.parametrize(
    ("into_s", "tolerance_s", "duty"),
    [(0.9, 0.5, "report"), (0.4, 0.5, "either"), (0.2, 0.5, "either"), (0.2, 0.05, "not_report"),
     (0.3, 0.0, "not_report"), (0.31, 0.0, "report")],
)  # fmt: skip
def test_a_crossing_so_near_the_grace_time_that_truth_cannot_tell_counts_neither_way(
    into_s, tolerance_s, duty
):
    given = hand_made([red_light(None, 2.0, into_s, tolerance_s=tolerance_s)])
    assert PARAMETERS.duty(given.violations[0]) == duty
    found, left = judged([red_record(2.0, into_s=into_s)], given), judged([], given)
    assert (len(found.hits), len(left.misses)) == ((1, 1) if duty == "report" else (0, 0))
    assert len(found.false_alarms) == (1 if duty == "not_report" else 0)


@pytest.mark.parametrize(
    ("stands_s", "tolerance_s", "duty"),
    [(4.1, 0.5, "report"), (3.5, 0.5, "either"), (2.1, 0.5, "either"), (1.9, 0.5, "not_report"),
     (3.0, 0.0, "report"), (2.9, 0.0, "not_report")],
)  # fmt: skip
def test_a_stop_so_near_the_least_time_that_truth_cannot_tell_counts_neither_way(
    stands_s, tolerance_s, duty
):
    # Both its ends may be off by the tolerance.
    stop = {"kind": "stop_over_line", "t_s": 4.0, "stands_from_s": 5.0,
            "stands_until_s": 5.0 + stands_s, "tolerance_s": tolerance_s}  # fmt: skip
    assert PARAMETERS.duty(hand_made([stop]).violations[0]) == duty


@pytest.mark.parametrize("reported", [True, False])
def test_a_speed_within_the_tolerance_counts_neither_way(reported):
    car = vehicle(1, speed_mps=52.0 / 3.6)
    records = [speed_record(1.0, 3.0, 52.5, car)] if reported else []
    report = judged(records, truth([speeding(1, 1.0, 52.0)], [car]))
    assert (report.hits, report.false_alarms, report.misses) == ((), (), ())
    assert [one.reported for one in report.neither_way] == [reported]


def test_the_tolerance_is_that_of_the_class():
    parameters = dataclasses.replace(
        PARAMETERS, speeding=SpeedingParameters(tolerance_by_class_kmh={RoadUser.CAR: 10.0})
    )
    given = hand_made([speeding(None, 1.0, 58.0)])
    assert not judged([], given, parameters=parameters).misses
    assert len(judged([], given).misses) == 1


def test_what_the_sites_deduction_leaves_within_the_limit_counts_neither_way():
    parameters = dataclasses.replace(
        PARAMETERS, speeding=SpeedingParameters(deduction=DeductionScheme.DE)
    )
    for speed_kmh, missed in ((53.9, 0), (54.1, 1)):
        given = hand_made([speeding(None, 1.0, speed_kmh)])
        assert len(judged([], given, parameters=parameters).misses) == missed


@pytest.mark.parametrize(
    ("measured_kmh", "true_kmh", "over"), [(83.9, 80.0, 0), (84.0, 80.0, 1), (151.0, 145.9, 1),
                                           (151.0, 146.0, 0)]
)  # fmt: skip
def test_over_reads_are_counted_after_the_deduction(measured_kmh, true_kmh, over):
    given = hand_made([speeding(None, 1.0, true_kmh)])
    report = judged([speed_record(1.0, 3.0, measured_kmh)], given)
    assert summarize(report).speeds.over_read.count == over


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_speeds_are_covered_within_the_expanded_uncertainty_of_their_site(factor):
    given = hand_made([speeding(None, 1.0, 80.0)])
    half_kmh = 0.5 * factor
    for measured_kmh, covered in ((80.0 + half_kmh - 0.01, 1), (80.01 - half_kmh, 1),
                                  (80.01 + half_kmh, 0)):  # fmt: skip
        record = speed_record(1.0, 3.0, measured_kmh, sigma_kmh=0.5)
        measured = dataclasses.replace(
            record.measurement, coverage_factor=factor, expanded_uncertainty_kmh=half_kmh
        )
        report = judged([dataclasses.replace(record, measurement=measured)], given)
        assert summarize(report).speeds.covered.count == covered


@pytest.mark.parametrize(
    ("measured_kmh", "true_kmh", "within"),
    [(83.0, 80.0, 1), (76.9, 80.0, 0), (205.9, 200.0, 1), (206.1, 200.0, 0)],
)
def test_speeds_are_within_3_kmh_or_3_percent(measured_kmh, true_kmh, within):
    given = hand_made([speeding(None, 1.0, true_kmh)])
    report = judged([speed_record(1.0, 3.0, measured_kmh)], given)
    assert summarize(report).speeds.within.count == within


def test_what_truth_is_not_certain_of_counts_neither_way():
    car = vehicle(1)
    given = truth([red_light(1, 2.0, certain=False)], [car])
    records = [red_record(2.0, car), red_record(2.3, car)]
    for found in (records, records[:1], []):
        report = judged(found, given)
        assert (report.hits, report.false_alarms, report.misses) == ((), (), ())


def test_a_few_metres_backwards_must_not_be_reported():
    car = vehicle(1)
    back = {"kind": "wrong_way", "vehicle": 1, "t_s": 1.0, "until_s": 3.0, "driven_m": 3.0}
    report = judged([wrong_way_record(1.0, 2.0, car)], truth([back], [car]))
    assert [one.why for one in report.false_alarms] == [FalseReason.BELOW_THRESHOLD]


@pytest.mark.parametrize(
    ("stands_s", "over_m", "missed"), [(5.0, 1.0, 1), (2.0, 1.0, 0), (5.0, 0.3, 0)]
)
def test_a_stop_over_the_line_is_judged_by_time_and_distance(stands_s, over_m, missed):
    stop = {
        "kind": "stop_over_line",
        "t_s": 4.0,
        "stands_from_s": 5.0,
        "stands_until_s": 5.0 + stands_s,
        "front_over_line_m": over_m,
    }
    assert len(judged([], hand_made([stop])).misses) == missed


def scene(**lane):
    """A scene that watches lane-2 and knows no road plane."""
    polygon = np.array([[0, 0], [40, 0], [40, 600], [0, 600]], float)
    watched = Lane("lane-2", polygon, np.array([[20.0, 0.0], [20.0, 600.0]]), **lane)
    return Scene("gate", 640, 600, lanes=(watched,))


def test_lanes_and_classes_that_were_not_watched_count_neither_way():
    watched = dataclasses.replace(PARAMETERS, scene=scene(classes=frozenset({RoadUser.BUS})))
    given = hand_made([red_light(None, 2.0, lane="lane-6"), red_light(None, 5.0)])
    report = judged([], given, parameters=watched)
    assert (len(report.misses), len(report.neither_way)) == (0, 2)


@pytest.mark.parametrize(("limit_kmh", "missed"), [(50.0, 1), (70.0, 0), (None, 0)])
def test_speeds_are_held_against_the_runs_own_limit(limit_kmh, missed):
    parameters = dataclasses.replace(PARAMETERS, scene=scene(speed_limit_kmh=limit_kmh))
    report = judged([], hand_made([speeding(None, 1.0, 65.0)]), parameters=parameters)
    assert len(report.misses) == missed


def test_without_a_road_plane_distances_excuse_nothing():
    back = {"kind": "wrong_way", "t_s": 1.0, "lane": "lane-2", "driven_m": 3.0}
    parameters = dataclasses.replace(PARAMETERS, scene=scene())
    assert len(judged([], hand_made([back]), parameters=parameters).misses) == 1
    assert not judged([], hand_made([back])).misses


# -- what is told of each ----------------------------------------------------------------------


def test_a_missed_violation_is_told_with_its_near_miss():
    car, other = vehicle(1), vehicle(2, x_m=6.0)
    given = truth([red_light(1, 2.0)], [car, other])
    near = [
        near_miss(ViolationKind.RED_LIGHT, 2.1, "leap", track_id=11),
        near_miss(ViolationKind.RED_LIGHT, 2.0, "grace_period", track_id=12),
    ]
    tracks = {11: path(car), 12: path(other)}
    report = judged([], given, near, tracks=tracks)
    (miss,) = report.misses
    assert miss.near_miss == "leap"
    assert miss.detail == "1.00 s into red"
    assert [(one.reason, one.of) for one in report.withheld] == [
        ("leap", Withheld.VIOLATION),
        ("grace_period", Withheld.NOTHING),
    ]


@pytest.mark.parametrize(("seen", "hidden"), [(0.1, True), (0.4, False)])
def test_a_missed_violator_that_could_not_be_seen_is_told_as_hidden(seen, hidden):
    visible = [1.0] * 14 + [seen] * 20 + [1.0] * 26  # around the crossing at 2.0 s
    car = vehicle(1, visible=visible)
    report = judged([], truth([red_light(1, 2.0)], [car]))
    (miss,) = report.misses
    assert miss.hidden == hidden
    assert of_kind(report, ViolationKind.RED_LIGHT).hidden_misses == int(hidden)


def test_without_tracks_a_near_miss_is_known_by_lane_and_time():
    car = vehicle(1)
    given = truth([red_light(1, 2.0)], [car])
    near = [
        near_miss(ViolationKind.RED_LIGHT, 2.1, "leap"),
        near_miss(ViolationKind.RED_LIGHT, 2.0, "grace_period", lane_id="lane-6"),
    ]
    assert judged([], given, near).misses[0].near_miss == "leap"


def test_the_chargeable_time_is_held_against_the_true_one():
    car = vehicle(1)
    given = truth([red_light(1, 2.0, into_s=1.0)], [car])
    charged = [of_kind(judged([red_record(2.0, car, s)], given), ViolationKind.RED_LIGHT).red
               for s in (0.9, 1.0, 1.1)]  # fmt: skip
    assert [figures.over.count for figures in charged] == [0, 0, 1]
    assert charged[0].error_s.mean == pytest.approx(-0.1)
    assert [figures.bracketed.count for figures in charged] == [1, 1, 0]


def test_what_truth_itself_does_not_know_better_is_not_charged_too_much():
    given = hand_made([red_light(None, 2.0, into_s=0.9, tolerance_s=0.3)])
    charged = [of_kind(judged([red_record(2.0, into_s=s)], given), ViolationKind.RED_LIGHT).red.over
               for s in (1.1, 1.3)]  # fmt: skip
    assert [share.count for share in charged] == [0, 1]


def test_a_wrong_way_alarm_is_timed_from_the_confirmable_moment():
    car = vehicle(1, speed_mps=10.0)
    true = {"kind": "wrong_way", "vehicle": 1, "t_s": 1.0, "until_s": 5.0, "driven_m": 40.0}
    report = judged([wrong_way_record(1.1, 2.3, car)], truth([true], [car]))
    (hit,) = report.hits
    # 8 m at 10 m/s are driven at 1.8 s.
    assert hit.alarm.after_s == pytest.approx(0.5)
    assert hit.alarm.after_m == pytest.approx(5.0)
    assert of_kind(report, ViolationKind.WRONG_WAY).alarm.in_time.count == 1


def test_a_speed_is_held_against_the_mean_over_the_measured_time():
    braking = vehicle(1)
    y_m = [25.0 * t - 2.0 * t * t for t in (i * 0.1 for i in range(60))]
    braking |= {
        "ground_m": [[2.0, y] for y in y_m],
        "box_px": [[11.0, 10 * y - 22, 29.0, 10 * y + 22] for y in y_m],
    }
    true_kmh = (y_m[30] - y_m[10]) / 2.0 * 3.6
    record = speed_record(1.0, 3.0, true_kmh + 1.0, braking)
    report = judged([record], truth([speeding(1, 1.0, 99.0)], [braking]))
    (reading,) = report.speeds
    assert reading.true_kmh == pytest.approx(true_kmh)
    assert reading.distance_m == pytest.approx(10.0 + y_m[20], abs=0.1)
    assert summarize(report).speeds.error_kmh.mean == pytest.approx(1.0)


def test_a_vehicle_that_was_too_fast_where_it_was_measured_is_no_false_record():
    # It brakes: 72 km/h in the first three seconds, below the limit over all of its way.
    braking = vehicle(1)
    y_m = [min(20.0 * t, 60.0) for t in (i * 0.1 for i in range(60))]
    braking |= {
        "ground_m": [[2.0, y] for y in y_m],
        "box_px": [[11.0, 10 * y - 22, 29.0, 10 * y + 22] for y in y_m],
    }
    report = judged([speed_record(0.5, 2.5, 71.0, braking)], truth([], [braking]))
    assert not report.false_alarms
    assert [one.reported for one in report.neither_way] == [True]
    late = judged([speed_record(3.5, 5.5, 71.0, braking)], truth([], [braking]))
    assert len(late.false_alarms) == 1


def test_a_violator_that_never_came_into_the_picture_counts_neither_way():
    report = judged([], truth([red_light(99, 2.0)], [vehicle(1)]))
    assert (len(report.misses), len(report.neither_way)) == (0, 1)


def test_speeds_that_were_measured_and_not_reported_are_judged_too():
    car = vehicle(1, speed_mps=14.0)
    near = near_miss(
        ViolationKind.SPEEDING, 2.0, "within_tolerance", measurement=speed(1.0, 3.0, 51.4)
    )
    given = truth([], [car])
    (reading,) = judged([], given, [near], tracks={1: path(car)}).speeds
    assert (reading.reported, reading.place.vehicle) == (False, 1)
    assert reading.true_kmh == pytest.approx(50.4)
    (lost,) = judged([], given, [near]).speeds
    assert lost.true_kmh is None


def test_hand_made_speeds_are_those_of_the_matched_violation():
    given = hand_made([speeding(None, 1.0, 80.0)])
    (reading,) = judged([speed_record(1.0, 3.0, 81.0)], given).speeds
    assert reading.true_kmh == 80.0


# -- together ----------------------------------------------------------------------------------


def test_reports_of_many_runs_add_up():
    car = vehicle(1)
    given = truth([red_light(1, 2.0)], [car])
    reports = [judged([red_record(2.0, car)], given), judged([], given)] * 50
    figures = of_kind(Report.merge(reports), ViolationKind.RED_LIGHT)
    assert (figures.due, figures.hits) == (100, 50)
    summary = summarize(Report.merge(reports))
    assert (summary.worlds, summary.vehicles) == (100, 100)
    assert summary.vehicle_hours == pytest.approx(100 * 6.0 / 3600)
    assert figures.false_rate.hours == summary.vehicle_hours


def test_nothing_at_all_gives_no_figures_and_no_error():
    report = Report.merge([])
    assert summarize(report).kinds == ()
    figures = of_kind(judged([], truth()), ViolationKind.RED_LIGHT)
    assert figures.recall.value is None
    assert figures.precision.value is None


def test_with_a_limit_of_5_kmh_every_speed_is_judged_and_no_record_is_false():
    lawful = vehicle(1, speed_mps=12.0)
    parameters = dataclasses.replace(PARAMETERS, scene=scene(speed_limit_kmh=5.0))
    record = speed_record(1.0, 3.0, 43.5, lawful, limit_kmh=5.0)
    report = judged([record], truth([], [lawful]), parameters=parameters)
    assert not report.false_alarms
    assert report.speeds[0].true_kmh == pytest.approx(43.2)
