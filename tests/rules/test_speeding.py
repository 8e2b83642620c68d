"""The speeding rule: who is reported, who is a near miss, who leaves no trace."""

import numpy as np
import pytest

from tests.road import (
    PROVENANCE,
    Road,
    Vehicle,
    drive,
    near_misses,
    straight,
    through,
    violations,
)
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane, Scene
from traffic_ai.core.track import HISTORY_LIMIT, Track, Tracks
from traffic_ai.core.violation import NearMiss, SpeedMeasurement, SpeedMethod, ViolationKind
from traffic_ai.rules import speeding
from traffic_ai.rules.deduction import DeductionScheme
from traffic_ai.rules.parameters import SpeedingParameters
from traffic_ai.rules.speeding import RULE_VERSION, Speeding

LANES = [("near", 0.0, 3.5, 1), ("far", 3.5, 7.0, 1)]


def run(*vehicles, limit_kmh=50.0, seconds=8.0, lanes=LANES, parameters=None, **options):
    road = Road(lanes=lanes, stop_y_m=None, limit_kmh=limit_kmh)

    def rules(scene):
        return [Speeding(scene, PROVENANCE, parameters or SpeedingParameters())]

    return drive(road, vehicles, rules, seconds=seconds, **options)


def car(speed_kmh, x_m=1.75, road_user=RoadUser.CAR):
    return Vehicle(straight(x_m, speed_kmh / 3.6, 12.0), road_user)


def test_a_speeder_is_reported_once_with_everything_that_was_measured():
    (found,) = run(car(80.0), noise_px=1.0)
    assert found.kind is ViolationKind.SPEEDING
    assert found.lane_id == "near"
    assert found.rule_version == RULE_VERSION
    m = found.measurement
    assert isinstance(m, SpeedMeasurement)
    assert m.method is SpeedMethod.PLANE_FIT
    assert abs(m.speed_kmh - 80.0) <= m.expanded_uncertainty_kmh
    assert m.expanded_uncertainty_kmh == pytest.approx(2.0 * m.standard_uncertainty_kmh)
    assert m.speed_kmh - m.expanded_uncertainty_kmh > m.limit_kmh + m.tolerance_kmh
    before, at, after = found.stills_s
    assert m.start_s <= before < at < after <= m.end_s
    assert before < found.t_s < after
    assert all(condition.met for condition in found.explanation)
    assert 10 < len(found.trajectory) <= 300


def test_a_rerun_gives_the_same_finding():
    assert run(car(80.0), noise_px=1.0) == run(car(80.0), noise_px=1.0)


@pytest.mark.parametrize("speed_kmh", [20.0, 45.0, 49.0])
def test_legal_drivers_leave_no_trace(speed_kmh):
    assert run(car(speed_kmh), noise_px=1.0, seconds=14.0) == []


def test_above_the_limit_but_within_the_uncertainty_is_a_near_miss():
    (found,) = run(car(50.2), noise_px=0.5)
    assert found.reason == "uncertainty"
    assert [c.met for c in found.explanation][:2] == [True, False]


def test_within_the_tolerance_is_a_near_miss_and_tolerance_goes_by_class():
    parameters = SpeedingParameters(5.0, {RoadUser.MOTORCYCLE: 20.0})
    (found,) = run(car(53.0), parameters=parameters)
    assert found.reason == "within_tolerance"
    assert len(violations(run(car(60.0), parameters=parameters))) == 1
    rider = car(60.0, road_user=RoadUser.MOTORCYCLE)
    assert [f.reason for f in near_misses(run(rider, parameters=parameters))] == [
        "within_tolerance"
    ]


def test_a_lane_without_limit_judges_nobody():
    assert run(car(150.0), limit_kmh=None) == []


def test_persons_are_not_judged():
    assert violations(run(car(60.0, road_user=RoadUser.PERSON))) == []


def test_vehicles_beside_each_other_are_each_given_their_own_speed():
    found = violations(run(car(80.0), car(65.0, 5.25), noise_px=0.5))
    speeds = {f.lane_id: f.measurement.speed_kmh for f in found}
    assert speeds["near"] == pytest.approx(80.0, abs=1.5)
    assert speeds["far"] == pytest.approx(65.0, abs=1.5)


def test_dropped_frames_do_not_make_a_speeder():
    random = np.random.default_rng(0)
    times = [float(t) for t in np.arange(0.0, 9.0, 0.04) if random.random() > 0.3]
    assert run(car(48.0), times_s=times, seconds=9.0, noise_px=0.5) == []


def test_who_speeds_and_then_stops_is_reported_at_the_speed_before():
    """80 km/h for 35 m, then a stop; standing a minute and a half fills the history."""
    v, brake = 80.0 / 3.6, 9.0

    def front(t_s):
        braking_s = min(max(t_s - 1.6, 0.0), v / brake)
        return (1.75, 12.0 + v * min(t_s, 1.6) + v * braking_s - 0.5 * brake * braking_s**2)

    (found,) = violations(run(Vehicle(front), seconds=95.0, noise_px=0.5))
    m = found.measurement
    assert 72.0 < m.speed_kmh < 80.0 + m.expanded_uncertainty_kmh
    assert m.end_s < 3.0


def test_a_vehicle_that_creeps_and_stands_gets_no_speed():
    creeping = Vehicle(through(1.75, (0.0, 12.0), (4.0, 30.0), (400.0, 30.5)))
    assert run(creeping, seconds=40.0, noise_px=2.0) == []


def observe(track, t_s, *, seen, ended=()):
    info = FrameInfo("cam", 0, t_s, None, 1280, 720)
    if not seen:
        return Observation(info, Tracks.empty(ended), {track.track_id: track}, {})
    tracks = Tracks(
        np.array([track.track_id]),
        track.xyxy_px[-1:],
        np.array([int(track.road_user)]),
        track.ground_m[-1:],
        track.observed[-1:],
        track.grounded[-1:],
        ended,
    )
    return Observation(info, tracks, {track.track_id: track}, {})


def test_state_is_dropped_when_the_track_ends_and_only_then_counted():
    road = Road(lanes=LANES, stop_y_m=None)
    rule = Speeding(road.scene(), PROVENANCE, SpeedingParameters())
    for track_id in range(1, 40):
        track = Track(track_id, 0.0)
        track.vote(RoadUser.CAR, 1.0)
        track.append(
            0.1, np.array([600.0, 400, 700, 500]), np.array([1, 30.0]), np.eye(2), True, True
        )
        assert rule.update(observe(track, 0.1, seen=True)) == []
        assert rule.update(observe(track, 0.2, seen=False, ended=(track_id,))) == []
    assert len(rule._rows) == 0
    assert rule.close() == ()


def test_a_vehicle_that_two_tracks_are_on_is_reported_once():
    """Such as a motorcycle and its rider; another one in its place two seconds later counts."""
    road = Road(lanes=LANES, stop_y_m=None)
    rule = Speeding(road.scene(), PROVENANCE, SpeedingParameters())
    whole, upper, next_one = (Track(track_id, 0.0) for track_id in (1, 2, 3))
    found = []
    for late_s, those in ((0.0, (whole, upper)), (2.0, (next_one,))):
        for track in those:
            track.vote(RoadUser.MOTORCYCLE, 1.0)
        for t_s in np.arange(0.0, 1.6, 0.04):
            place = np.array([1.75, 16.0 + 22.0 * t_s])
            px = road.camera.road([place])[0]
            for track in those:
                low_px = px[1] - (4 if track is upper else 0)
                box = np.array([px[0] - 15, px[1] - 60, px[0] + 15, low_px])
                at_s = float(t_s) + late_s
                track.append(at_s, box, place, 0.01 * np.eye(2), True, True)
                found += rule.update(observe(track, at_s, seen=True))
        for track in those:
            found += rule.update(observe(track, late_s + 1.7, seen=False, ended=(track.track_id,)))
    assert [v.track_id for v in violations(found)] == [1, 3]
    (near,) = near_misses(found)
    assert (near.track_id, near.reason) == (2, "same_vehicle")
    assert [c.name for c in near.explanation if not c.met] == ["reported under another track"]


@pytest.mark.parametrize(("gap_m", "reported"), [(0.0, [1]), (12.0, [1, 2])])
def test_a_track_that_takes_over_a_reported_vehicle_is_no_second_speeder(gap_m, reported):
    """One that follows it at a distance is."""
    road = Road(lanes=LANES, stop_y_m=None)
    rule = Speeding(road.scene(), PROVENANCE, SpeedingParameters())
    first, second = Track(1, 0.0), Track(2, 0.0)
    found = []
    for track, behind_m, since_s in ((first, 0.0, 0.0), (second, gap_m, 1.0)):
        track.vote(RoadUser.CAR, 1.0)
        for t_s in np.arange(since_s, since_s + 0.92, 0.04).tolist():
            place = np.array([1.75, 14.0 + 20.0 * t_s - behind_m])
            px = road.camera.road([place])[0]
            box = np.array([px[0] - 40, px[1] - 60, px[0] + 40, px[1]])
            track.append(t_s, box, place, 0.001 * np.eye(2), True, True)
            found += rule.update(observe(track, t_s, seen=True))
        found += rule.update(observe(track, t_s + 0.04, seen=False, ended=(track.track_id,)))
    assert [v.track_id for v in violations(found)] == reported
    assert [n.reason for n in near_misses(found)] == ["same_vehicle"] * (2 - len(reported))


def test_points_that_do_not_touch_the_road_are_not_measured():
    """The same fast track, first with its wheels seen, then covered by a nearer vehicle."""
    road = Road(lanes=LANES, stop_y_m=None)
    scene = road.scene()

    def judged(grounded):
        rule = Speeding(scene, PROVENANCE, SpeedingParameters())
        track = Track(1, 0.0)
        track.vote(RoadUser.CAR, 1.0)
        found = []
        for t_s in np.arange(0.0, 1.6, 0.04):
            place = np.array([1.75, 16.0 + 22.0 * t_s])
            px = road.camera.road([place])[0]
            box = np.array([px[0] - 40, px[1] - 60, px[0] + 40, px[1]])
            track.append(float(t_s), box, place, 0.01 * np.eye(2), True, grounded)
            found += rule.update(observe(track, float(t_s), seen=True))
        return found + list(rule.update(observe(track, 2.0, seen=False, ended=(1,))))

    assert len(violations(judged(True))) == 1
    (found,) = judged(False)
    assert isinstance(found, NearMiss)
    assert found.reason == "mostly_hidden"


def test_a_track_that_changes_vehicles_is_a_near_miss_with_that_reason():
    road = Road(lanes=LANES, stop_y_m=None)
    rule = Speeding(road.scene(), PROVENANCE, SpeedingParameters())
    track = Track(1, 0.0)
    track.vote(RoadUser.CAR, 1.0)
    for i, t_s in enumerate(np.arange(0.0, 1.6, 0.04)):
        place = np.array([1.75, 16.0 + 14.0 * t_s + (14.0 if i > 20 else 0.0)])
        px = road.camera.road([place])[0]
        box = np.array([px[0] - 40, px[1] - 60, px[0] + 40, px[1]])
        track.append(float(t_s), box, place, 0.01 * np.eye(2), True, True)
        assert rule.update(observe(track, float(t_s), seen=True)) == []
    (found,) = rule.update(observe(track, 2.0, seen=False, ended=(1,)))
    assert found.reason == "vehicle_swapped"


def test_judging_a_full_history_is_quick_enough_for_every_frame():
    """A vehicle standing for hours is looked at again each time half its history has gone."""
    road = Road(lanes=LANES, stop_y_m=None)
    rule = Speeding(road.scene(), PROVENANCE, SpeedingParameters())
    track = Track(1, 0.0)
    track.vote(RoadUser.CAR, 1.0)
    random = np.random.default_rng(0)
    judged = 0
    for i in range(3 * HISTORY_LIMIT):
        place = np.array([1.75, 30.0]) + random.normal(0.0, 0.1, 2)
        px = road.camera.road([place])[0]
        box = np.array([px[0] - 40, px[1] - 60, px[0] + 40, px[1]])
        track.append(i * 0.04, box, place, 0.01 * np.eye(2), True, True)
        judged += len(track) >= HISTORY_LIMIT
        assert rule.update(observe(track, i * 0.04, seen=True)) == []
    assert judged <= 5


def test_lanes_that_do_not_judge_the_class_are_left_alone():
    road = Road(lanes=LANES, stop_y_m=None)
    scene = road.scene()
    only_trucks = tuple(
        Lane(x.id, x.polygon_px, x.centre_line_px, 50.0, {}, frozenset({RoadUser.TRUCK}))
        for x in scene.lanes
    )
    limited = Scene("cam", 1280, 720, only_trucks, homography=scene.homography)
    found = drive(
        road,
        [car(80.0)],
        lambda _: [Speeding(limited, PROVENANCE, SpeedingParameters())],
        seconds=5.0,
    )
    assert found == []


def test_what_the_second_method_gave_is_in_the_record_and_in_its_conditions():
    (found,) = run(car(80.0), noise_px=1.0)
    m = found.measurement
    assert m.gate_speed_kmh == pytest.approx(m.speed_kmh, rel=0.03)
    agreement = next(c for c in found.explanation if c.name == "difference of the second method")
    assert agreement.met
    assert agreement.measured == pytest.approx(100.0 * abs(m.gate_speed_kmh / m.speed_kmh - 1.0))
    assert (agreement.threshold, agreement.unit) == (10.0, "%")


def test_where_the_methods_disagree_nothing_is_reported(monkeypatch):
    monkeypatch.setattr(speeding, "gate_speed_kmh", lambda *given: 95.0)
    (found,) = run(car(80.0))
    assert isinstance(found, NearMiss)
    assert found.reason == "methods_disagree"
    assert found.measurement.gate_speed_kmh == 95.0
    monkeypatch.setattr(speeding, "gate_speed_kmh", lambda *given: None)
    (found,) = run(car(80.0))
    assert found.reason == "methods_disagree"


def test_how_far_they_may_differ_can_be_set(monkeypatch):
    monkeypatch.setattr(speeding, "gate_speed_kmh", lambda *given: 83.0)
    assert [
        f.reason for f in run(car(80.0), parameters=SpeedingParameters(max_gate_difference=0.03))
    ]
    assert violations(run(car(80.0), parameters=SpeedingParameters(max_gate_difference=0.05)))


@pytest.mark.parametrize(
    ("scheme", "deducted_kmh"), [(DeductionScheme.DE, 3.0), (DeductionScheme.CH_RADAR, 5.0)]
)
def test_the_deduction_is_told_and_what_is_left_must_exceed_the_limit(scheme, deducted_kmh):
    parameters = SpeedingParameters(deduction=scheme)
    (found,) = violations(run(car(80.0), parameters=parameters))
    m = found.measurement
    assert (m.deduction, m.deducted_kmh) == (scheme.value, deducted_kmh)
    assert m.enforced_kmh == int(m.speed_kmh) - deducted_kmh <= 80.0
    (near,) = run(car(80.0), limit_kmh=78.0, parameters=parameters)
    assert isinstance(near, NearMiss)
    assert near.reason == "within_deduction"
    assert near.measurement.enforced_kmh <= 78.0
    assert violations(run(car(80.0), limit_kmh=78.0)), "without a deduction it is reported"


def rider(speed_kmh):
    return car(speed_kmh, road_user=RoadUser.PERSON)


def test_a_fast_rider_taken_for_a_person_leaves_a_near_miss():
    (found,) = run(rider(80.0), noise_px=0.5)
    assert isinstance(found, NearMiss)
    assert found.reason == "taken_for_a_person"
    assert found.explanation[-1].measured == pytest.approx(80.0, rel=0.1)


@pytest.mark.parametrize("speed_kmh", [6.0, 45.0])
def test_people_on_foot_and_riders_within_the_limit_leave_no_trace(speed_kmh):
    assert run(rider(speed_kmh), noise_px=0.5, seconds=14.0) == []


def test_a_rider_beside_the_track_of_his_motorcycle_is_not_logged_again():
    found = run(car(80.0, road_user=RoadUser.MOTORCYCLE), rider(80.0), noise_px=0.5)
    assert [one.reason for one in near_misses(found)] == []
