"""Paths: arcs are exact, places are found back, courses keep speed and place together."""

import numpy as np
import pytest

from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.traffic.courses import course_of
from traffic_ai.simulate.traffic.paths import Path, Piece
from traffic_ai.simulate.world import Body

BEND = Path.of((3.0, -5.0), 20.0, [Piece(30.0), Piece(25.0, 1 / 12.0), Piece(40.0)])
CONTACTS_M = np.array([(x, y) for x in (-0.8, 0.8) for y in (-1.4, 1.5)])
OUTLINE_M = np.array([(x, y, z) for x in (-0.9, 0.9) for y in (-2.3, 2.3) for z in (0.1, 1.4)])
CAR = Body("car", RoadUser.CAR, 4.6, 1.8, 1.4, OUTLINE_M, CONTACTS_M)


def test_an_arc_has_its_radius() -> None:
    s_m = np.linspace(30.0, 55.0, 200)
    turn = np.radians(20.0) + np.pi / 2
    centre_m = BEND.points(np.array([30.0]))[0] + 12.0 * np.array([np.sin(turn), np.cos(turn)])
    assert np.hypot(*(BEND.points(s_m) - centre_m).T) == pytest.approx(12.0, abs=1e-9)


def test_the_way_between_places_is_their_difference() -> None:
    s_m = np.linspace(-5.0, 100.0, 20001)
    steps_m = np.hypot(*np.diff(BEND.points(s_m), axis=0).T)
    assert steps_m == pytest.approx(np.diff(s_m), rel=1e-5)


@pytest.mark.parametrize("right_m", [-2.0, 0.0, 3.0])
def test_places_beside_the_path_are_found_back(right_m: float) -> None:
    s_m = np.linspace(-5.0, 100.0, 300)
    heading = BEND.headings(s_m)
    points_m = BEND.points(s_m) + right_m * np.stack([np.cos(heading), -np.sin(heading)], -1)
    found_m, beside_m = BEND.project(points_m)
    assert found_m == pytest.approx(s_m, abs=0.1)
    assert beside_m == pytest.approx(right_m, abs=0.01)


def test_a_reversed_path_leads_back() -> None:
    s_m = np.linspace(0.0, BEND.length_m, 50)
    assert BEND.reversed().points(BEND.length_m - s_m) == pytest.approx(BEND.points(s_m))


def test_in_a_bend_both_axles_stay_on_the_path_and_the_speed_is_that_of_the_place() -> None:
    t_s = np.arange(0.0, 9.0, 0.05)
    speed_mps = 5.0 + 0.5 * t_s
    places_m = 10.0 + 5.0 * t_s + 0.25 * t_s**2
    course = course_of(BEND, CAR, t_s, places_m, speed_mps)
    fine_s = np.arange(0.1, 8.8, 0.007)
    poses = course.poses(fine_s)
    for y_m in (-1.4, 1.5):
        axle_m = poses.to_world_m(np.array([[0.0, y_m, 0.0]]))[:, 0, :2]
        assert np.abs(BEND.project(axle_m)[1]).max() < 0.03
    measured = np.gradient(poses.middle_m, fine_s, axis=0)
    ahead = np.stack([np.sin(poses.heading_rad), np.cos(poses.heading_rad)], -1)
    assert (measured * ahead).sum(axis=1)[2:-2] == pytest.approx(poses.speed_mps[2:-2], abs=0.01)
