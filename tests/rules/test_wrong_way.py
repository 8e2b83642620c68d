"""The wrong-way rule: net metres against the lane's direction, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.ports import Observation
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track, Tracks
from traffic_ai.core.violation import WrongWayMeasurement
from traffic_ai.rules.parameters import WrongWayParameters
from traffic_ai.rules.wrong_way import WrongWay

UP = [("up", 0.0, 3.5, 1)]
DOWN = [("down", 0.0, 3.5, -1)]


def rules(scene):
    return [WrongWay(scene, PROVENANCE, WrongWayParameters())]


def run(vehicle, lanes=UP, calibrated=True, seconds=12.0, **options):
    road = Road(lanes=lanes, calibrated=calibrated, stop_y_m=None)
    return drive(road, [vehicle], rules, seconds=seconds, **options)


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("road_user", [RoadUser.CAR, RoadUser.MOTORCYCLE, RoadUser.TRUCK])
def test_driving_against_the_direction_is_reported_once(road_user, calibrated):
    towards = Vehicle(straight(1.75, -12.0, 70.0), road_user, heading=(0.0, -1.0))
    assert len(violations(run(towards, UP, calibrated, noise_px=1.0))) == 1
    away = Vehicle(straight(1.75, 12.0, 12.0), road_user)
    assert len(violations(run(away, DOWN, calibrated, noise_px=1.0))) == 1


@pytest.mark.parametrize("calibrated", [True, False])
def test_driving_the_right_way_leaves_no_trace(calibrated):
    away = Vehicle(straight(1.75, 12.0, 12.0))
    assert run(away, UP, calibrated, noise_px=2.0) == []


def test_it_is_reported_within_a_second_and_15_m_of_confirmable_motion():
    car = Vehicle(straight(1.75, -12.0, 60.0), heading=(0.0, -1.0))
    (found,) = violations(run(car, noise_px=1.0))
    m = found.measurement
    assert isinstance(m, WrongWayMeasurement)
    assert m.distance_m is not None
    assert 8.0 <= m.distance_m <= 15.0
    assert m.confirmed_s - m.onset_s <= 8.0 / 12.0 + 1.0


def test_reversing_a_few_metres_is_not_reported():
    car = Vehicle(through(1.75, (0, 20), (4, 40), (6, 40), (9, 36), (11, 36), (16, 70)))
    assert not violations(run(car, seconds=16.0, noise_px=1.5))


def test_standing_with_a_noisy_box_is_not_reported():
    assert run(Vehicle(lambda t_s: (1.75, 45.0)), seconds=300.0, fps=5.0, noise_px=3.0) == []


def test_the_distance_missing_is_logged_as_a_near_miss():
    car = Vehicle(through(1.75, (0, 40), (3, 40), (5, 33), (8, 33)), heading=(0.0, 1.0))
    findings = run(car, seconds=8.0)
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["distance_against_less_uncertainty"]


def test_a_vehicle_whose_track_breaks_is_reported_once():
    car = straight(1.75, -8.0, 75.0)
    heading = (0.0, -1.0)
    parts = [
        Vehicle(car, heading=heading, end_s=3.0),
        Vehicle(car, heading=heading, start_s=5.4),
    ]
    road = Road(lanes=UP, stop_y_m=None)
    assert len(violations(drive(road, parts, rules, seconds=9.0))) == 1


TWO_WAY = [("up", 0.0, 3.5, 1), ("down", -3.5, 0.0, -1)]


@pytest.mark.parametrize("order", [1, -1])
def test_one_whose_track_breaks_where_lanes_overlap_is_reported_once(order):
    lanes = [("left", 0.0, 3.5, 1), ("right", 0.4, 3.9, 1)][::order]
    road = Road(lanes=lanes, stop_y_m=None)
    path = straight(1.95, -9.0, 75.0)
    parts = [
        Vehicle(path, heading=(0.0, -1.0), end_s=2.6),
        Vehicle(path, heading=(0.0, -1.0), start_s=4.7),
    ]
    assert len(violations(drive(road, parts, rules, seconds=9.0))) == 1


def test_who_keeps_to_the_middle_of_the_road_is_not_in_the_oncoming_lane():
    straddling = Vehicle(straight(-0.5, 12.0, 15.0))
    findings = run(straddling, TWO_WAY)
    assert not violations(findings)
    assert {n.reason for n in near_misses(findings)} == {"share_clear_of_lanes_of_its_direction"}
    wholly = Vehicle(straight(-1.75, 12.0, 15.0))
    assert len(violations(run(wholly, TWO_WAY))) == 1


def test_only_a_rider_moves_as_fast_as_that():
    rider = Vehicle(straight(1.75, -10.0, 70.0), RoadUser.PERSON, heading=(0.0, -1.0))
    (found,) = violations(run(rider))
    assert found.road_user is RoadUser.MOTORCYCLE
    walker = Vehicle(straight(1.75, -1.5, 45.0), RoadUser.PERSON, heading=(0.0, -1.0))
    assert run(walker) == []


@pytest.mark.parametrize(
    "second",
    [
        Vehicle(straight(2.9, -10.0, 70.0), RoadUser.MOTORCYCLE, heading=(0.0, -1.0)),
        Vehicle(straight(1.0, -10.0, 79.0), RoadUser.MOTORCYCLE, heading=(0.0, -1.0)),
        Vehicle(straight(1.0, -10.0, 150.0), RoadUser.MOTORCYCLE, heading=(0.0, -1.0)),
    ],
    ids=["beside", "9 m behind", "after the first has gone"],
)
def test_two_who_drive_against_the_direction_are_two(second):
    first = Vehicle(straight(1.0, -10.0, 70.0), RoadUser.MOTORCYCLE, heading=(0.0, -1.0))
    road = Road(lanes=UP, stop_y_m=None)
    found = violations(drive(road, [first, second], rules, seconds=15.0, noise_px=0.5))
    assert len(found) == 2


def _observe(rule, track, t_s, ended=()):
    info = FrameInfo("cam", 0, t_s, None, 1280, 720)
    point = track.point(-1)
    tracks = Tracks(
        np.array([track.track_id]),
        np.array([point.xyxy_px]),
        np.array([2]),
        np.array([point.ground_m]),
        np.array([True]),
        np.array([True]),
        ended,
    )
    return rule.update(Observation(info, tracks, {track.track_id: track}, {}))


@pytest.mark.parametrize("jump_m", [-30.0, -60.0])
def test_an_identity_swap_is_not_a_wrong_way_drive(jump_m):
    """Right way, then at once far back at another vehicle, then right way again."""
    road = Road(lanes=UP, stop_y_m=None)
    scene = road.scene()
    assert scene.homography is not None
    rule = WrongWay(scene, PROVENANCE, WrongWayParameters())
    track = Track(1, 0.0)
    track.vote(2, 1.0)
    findings = []
    for i in range(60):
        t_s = 0.1 * i
        y = 45.0 + 5.0 * t_s + (jump_m if i >= 30 else 0.0) * 0.4
        px = road.camera.road([(1.75, y)])[0]
        box = np.array([px[0] - 20, px[1] - 30, px[0] + 20, px[1]])
        track.append(t_s, box, np.array([1.75, y]), 0.01 * np.eye(2), True, True)
        findings += _observe(rule, track, t_s)
    assert not violations(findings)


@settings(max_examples=30, deadline=None)
@given(
    speed_mps=st.floats(3.0, 40.0),
    calibrated=st.booleans(),
    noise_px=st.sampled_from([0.0, 1.0, 2.0, 3.0]),
    fps=st.sampled_from([6.0, 12.0, 25.0]),
    towards=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_right_way_is_never_reported_and_the_wrong_way_is(
    speed_mps, calibrated, noise_px, fps, towards, seed
):
    path = straight(1.75, -speed_mps, 78.0) if towards else straight(1.75, speed_mps, 16.0)
    vehicle = Vehicle(path, heading=(0.0, -1.0 if towards else 1.0))
    seconds = min(60.0 / speed_mps + 1.0, 12.0)
    options = {"calibrated": calibrated, "seconds": seconds, "noise_px": noise_px}
    right, wrong = (DOWN, UP) if towards else (UP, DOWN)
    assert not violations(run(vehicle, right, fps=fps, seed=seed, **options))
    seen_often = fps * min(seconds, 45.0 / speed_mps) >= 8
    drove_through = calibrated or seconds * speed_mps >= 60.0
    if seen_often and drove_through and noise_px <= 1.0:
        assert len(violations(run(vehicle, wrong, fps=fps, seed=seed, **options))) == 1


def test_no_detections_no_findings():
    scene = Road(lanes=UP, stop_y_m=None).scene()
    assert len(Detections.empty()) == 0
    rule = WrongWay(scene, PROVENANCE, WrongWayParameters())
    info = FrameInfo("cam", 0, 0.0, None, 1280, 720)
    assert rule.update(Observation(info, Tracks.empty(), {}, {})) == []
    assert rule.close() == ()
