"""The second method: near the first where one vehicle was measured, far where two were."""

import numpy as np
import pytest

from tests.rules.speed_passes import NEAR_M, Setting, along, correlated, moments
from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.speed import estimate_speed
from traffic_ai.rules.speed_gates import gate_speed_kmh
from traffic_ai.rules.speed_result import SpeedEstimate

EXACT = Setting.exact()


def both(t_s, place_m, noise_px=None, road_user=None):
    """Speed of the first and of the second method."""
    points = EXACT.points(t_s, place_m, noise_px)
    estimate = estimate_speed(points, EXACT.homography, road_user)
    assert isinstance(estimate, SpeedEstimate)
    return estimate.speed_kmh, gate_speed_kmh(points, estimate, EXACT.homography, road_user)


@pytest.mark.parametrize("speed_kmh", [30.0, 80.0, 180.0])
@pytest.mark.parametrize("fps", [8.0, 25.0])
def test_without_noise_both_are_exact(speed_kmh, fps):
    t_s = moments(35.0 / (speed_kmh / 3.6), max(fps, speed_kmh / 4.0))
    assert both(t_s, along(t_s, speed_kmh)) == pytest.approx((speed_kmh, speed_kmh), rel=1e-6)


@pytest.mark.parametrize("road_user", [RoadUser.CAR, RoadUser.TRUCK])
def test_both_speak_of_the_same_place_on_the_vehicle(road_user):
    t_s = moments(1.6)
    first, second = both(t_s, along(t_s, 80.0), road_user=road_user)
    # The first also allows for what is called a truck and built like a bus.
    assert second == pytest.approx(first, rel=0.02 if road_user is RoadUser.TRUCK else 0.01)


def test_a_bend_is_followed():
    t_s = moments(3.0)
    turn = np.radians(20.0) * t_s  # 60 degrees at a radius of 30 m
    place = np.column_stack([30.0 * (1.0 - np.cos(turn)), 16.0 + 30.0 * np.sin(turn)])
    first, second = both(t_s, place)
    assert first == pytest.approx(30.0 * np.radians(20.0) * 3.6, rel=0.002)
    assert second == pytest.approx(first, rel=0.01)


def test_even_braking_gives_both_the_mean():
    t_s = moments(2.0)
    place = np.column_stack([np.full(len(t_s), 2.0), NEAR_M + 16.0 * t_s - 0.75 * t_s**2])
    first, second = both(t_s, place)
    assert second == pytest.approx(first, rel=0.02)


@pytest.mark.parametrize(("noise_px", "most"), [(1.0, 0.025), (2.0, 0.05)])
@pytest.mark.parametrize("tau_s", [0.0, 0.3])
def test_noise_alone_keeps_them_together(noise_px, most, tau_s):
    random = np.random.default_rng(0)
    apart = []
    for _ in range(60):
        t_s = moments(25.0 / (70.0 / 3.6))
        noise = correlated(random, t_s, tau_s, noise_px)
        first, second = both(t_s, along(t_s, 70.0), noise)
        apart.append(abs(second / first - 1.0))
    assert max(apart) < most


def test_points_of_another_vehicle_that_the_fit_left_out_pull_them_apart():
    t_s = moments(1.0, 13.0)
    place = along(t_s, 70.0)
    place[1:4, 1] += 9.0
    first, second = both(t_s, place)
    assert first == pytest.approx(70.0, rel=0.02)
    assert abs(second / first - 1.0) > 0.1
