"""The script: smooth motion, no collisions, and exactly the violations it promises."""

from itertools import combinations

import numpy as np
import pytest

from traffic_ai.simulate import layout, scenario
from traffic_ai.simulate.motion import frame_times_s, stop_and_go
from traffic_ai.simulate.scenario import Trip
from traffic_ai.simulate.truth import line_passage, violations


def rectangle_m(trip: Trip, t_s: float) -> tuple[float, float, float, float]:
    pose, model = trip.pose(t_s), trip.model
    half_x, half_y = model.width_m / 2, model.length_m / 2
    return pose.x_m - half_x, pose.x_m + half_x, pose.y_m - half_y, pose.y_m + half_y


def test_no_two_vehicles_ever_come_closer_than_a_metre_in_a_lane() -> None:
    for t_s in frame_times_s(scenario.DURATION_S, 5):
        placed = [(trip.id, rectangle_m(trip, t_s)) for trip in scenario.present_trips(t_s)]
        for (one, a), (other, b) in combinations(placed, 2):
            beside = a[1] <= b[0] or b[1] <= a[0]
            apart = a[3] + 1.0 <= b[2] or b[3] + 1.0 <= a[2]
            assert beside or apart, f"vehicles {one} and {other} at {t_s:.2f} s"


def test_distance_is_the_integral_of_a_smooth_speed() -> None:
    motion = stop_and_go(20.0, 24.6, 40.0, 5.0, 28.0, 42.0)
    times_s = np.linspace(10, 40, 30001)
    speed_mps = np.array([motion.speed_at_mps(t) for t in times_s])
    driven_m = np.trapezoid(speed_mps, times_s)
    assert motion.distance_m(40.0) - motion.distance_m(10.0) == pytest.approx(driven_m, abs=1e-5)
    assert np.abs(np.diff(speed_mps)).max() < 0.004  # at most 4 m/s2
    assert motion.distance_m(24.0) == pytest.approx(24.6)


def test_the_violations_are_those_scripted() -> None:
    found = [(one["kind"], one["vehicle"]) for one in violations(scenario.trips())]
    assert sorted(found) == [
        ("red_light", 5),
        ("red_light", 11),
        ("speeding", 1),
        ("speeding", 16),
        ("stop_over_line", 6),
        ("wrong_way", 19),
    ]


def test_each_violation_is_clear_cut() -> None:
    by_vehicle = {one["vehicle"]: one for one in violations(scenario.trips())}
    assert by_vehicle[11]["time_into_red_s"] >= 0.8
    assert by_vehicle[5]["time_into_red_s"] >= 2.8
    assert max(by_vehicle[5]["speed_kmh"], by_vehicle[11]["speed_kmh"]) < 47
    assert 2.2 <= by_vehicle[6]["front_over_line_m"] <= 2.6
    assert by_vehicle[6]["rear_crosses_s"] > scenario.PHASES[-1].start_s
    assert by_vehicle[19]["driven_m"] >= 25
    assert [by_vehicle[1]["speed_kmh"], by_vehicle[16]["speed_kmh"]] == pytest.approx([72, 86])


def test_everyone_else_keeps_the_limit_and_the_signal() -> None:
    guilty = {one["vehicle"] for one in violations(scenario.trips())}
    for trip in scenario.trips():
        if trip.id in guilty:
            continue
        top_kmh = 3.6 * max(trip.motion.speed_mps, *(leg.speed_mps for leg in trip.motion.legs), 0)
        assert top_kmh <= 47
        passage = line_passage(trip)
        assert passage is None or passage["aspect_at_front"] in ("green", "yellow")


def test_one_crosses_on_yellow_and_one_waits_close_before_the_line() -> None:
    passages = {trip.id: line_passage(trip) for trip in scenario.trips()}
    assert [i for i, one in passages.items() if one and one["aspect_at_front"] == "yellow"] == [4]
    waiting = next(trip for trip in scenario.trips() if trip.id == 12)
    assert 0.3 <= layout.STOP_LINE_Y_M - waiting.motion.distance_m(24.0) <= 0.5
