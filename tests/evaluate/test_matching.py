"""Properties of the matching, whatever is reported and whatever was true."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.made import PARAMETERS, hand_made, red_light, red_record, truth, vehicle
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.boxes import BoxPath, candidates, overlap
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.summary import summarize

moments = st.lists(
    st.tuples(st.floats(0, 30).map(lambda t: round(t, 2)), st.sampled_from(["lane-2", "lane-6"])),
    max_size=8,
    unique=True,
)


def judged(found, true):
    records = [red_record(t_s, lane_id=lane, id=f"{t_s} {lane}") for t_s, lane in found]
    given_truth = hand_made([red_light(None, t_s, lane=lane) for t_s, lane in true])
    return evaluate(records, (), given_truth, PARAMETERS)


@given(moments, moments)
@settings(max_examples=150, deadline=None)
def test_every_record_and_every_true_violation_is_counted_once(found, true):
    report = judged(found, true)
    assert len(report.hits) + len(report.false_alarms) == len(found)
    assert len(report.hits) + len(report.misses) == len(true)
    assert len({hit.record_id for hit in report.hits}) == len(report.hits)
    places = [(hit.place.t_s, hit.place.lane_id) for hit in report.hits]
    assert len(set(places)) == len(places)


@given(moments, moments, st.randoms())
@settings(max_examples=80, deadline=None)
def test_the_order_of_records_and_truth_changes_no_count(found, true, random):
    counts = []
    for _ in range(2):
        (figures,) = [
            one
            for one in summarize(judged(found, true)).kinds
            if one.kind is ViolationKind.RED_LIGHT
        ]
        counts.append((figures.hits, figures.due, figures.false_alarms, figures.duplicates))
        random.shuffle(found)
        random.shuffle(true)
    assert counts[0] == counts[1]


@given(moments)
@settings(max_examples=60, deadline=None)
def test_reporting_the_very_truth_finds_all_of_it(true):
    report = judged(true, true)
    assert len(report.hits) == len(true)


@given(moments, moments)
@settings(max_examples=60, deadline=None)
def test_one_more_record_never_finds_less(found, true):
    fewer = judged(found[:-1], true)
    assert len(judged(found, true).hits) >= len(fewer.hits)


boxes = st.tuples(*[st.floats(0, 500)] * 2, *[st.floats(1, 300)] * 2).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


@given(boxes, boxes)
def test_overlap_is_symmetric_at_most_1_and_1_with_itself(a, b):
    first, second = np.array([a]), np.array([b])
    assert 0.0 <= overlap(first, second)[0] <= 1.0 + 1e-9
    assert abs(overlap(first, second)[0] - overlap(second, first)[0]) < 1e-9
    assert abs(overlap(first, first)[0] - 1.0) < 1e-9
    assert overlap(first, np.full((1, 4), np.nan))[0] == 0.0


def test_a_track_that_lies_on_a_vehicle_for_a_moment_only_is_not_of_it():
    crossing = vehicle(1, speed_mps=10.0)
    given_truth = truth([], [crossing])
    t_s = np.arange(0.0, 5.0, 0.1)
    standing = np.tile(np.array(crossing["box_px"][20]), (len(t_s), 1))
    assert candidates(BoxPath(t_s, standing), given_truth) == {}
    near = BoxPath(t_s, standing).within(1.95, 2.05)
    assert set(candidates(near, given_truth)) == {1}
