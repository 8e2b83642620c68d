"""Since when a moving vehicle can have been over the line when it is first seen."""

import numpy as np
import pytest

from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.crossing import crossing_interval
from traffic_ai.rules.run_up import RunUp

T_S = np.arange(0.0, 2.0, 0.1)
SIGMA_M = np.full(len(T_S), 0.1)


def since(speed_mps, over_m, acceleration_mps2=0.0, road_user=RoadUser.BUS):
    place_m = over_m + speed_mps * T_S + acceleration_mps2 * T_S**2 / 2.0
    run_up = RunUp.of(T_S, place_m, SIGMA_M, road_user)
    return run_up.crossed_since(0.0, over_m + 3.0 * SIGMA_M[0])


def test_a_fast_vehicle_crossed_shortly_before_and_never_later_than_at_even_speed():
    at_s = since(15.0, 6.0)
    assert -1.0 < at_s <= -6.0 / 15.0


@pytest.mark.parametrize("acceleration_mps2", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("stood_over_m", [0.1, 2.0, 5.0])
def test_who_pulled_away_from_beyond_the_line_may_have_stood_there(acceleration_mps2, stood_over_m):
    for now_s in (1.0, 2.0, 3.0):
        over_m = stood_over_m + acceleration_mps2 * now_s**2 / 2.0
        assert since(acceleration_mps2 * now_s, over_m, acceleration_mps2) == -np.inf


def test_a_car_may_pull_away_harder_than_a_bus():
    assert np.isfinite(since(11.0, 7.0))
    assert since(11.0, 7.0, road_user=RoadUser.CAR) == -np.inf


def test_what_was_over_the_line_before_its_speed_was_known_may_have_been_slower():
    run_up = RunUp.of(T_S + 5.0, 12.0 * T_S, SIGMA_M, RoadUser.BUS)
    assert run_up.crossed_since(5.0, 1.0) == pytest.approx(4.9, abs=0.03)
    assert 3.6 < run_up.crossed_since(4.0, 1.0) < 3.9
    assert run_up.crossed_since(1.0, 1.0) == -np.inf


def test_a_crossing_while_nothing_was_seen_may_be_at_either_end_of_that_time():
    t_s = np.array([0.0, 0.1, 5.0, 5.1])
    value = np.array([-2.0, -1.9, 1.9, 2.0])
    assert crossing_interval(t_s, value, np.full(4, 0.5)) == (0.1, 5.0)
