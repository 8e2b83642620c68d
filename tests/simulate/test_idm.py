"""Car following: the model's equilibrium, and drivers who keep to it on the road."""

import numpy as np
import pytest

from traffic_ai.simulate.traffic import idm
from traffic_ai.simulate.traffic.drivers import DriverMaker
from traffic_ai.simulate.traffic.engine import Engine, crossing_s
from traffic_ai.simulate.traffic.layout import Turn
from traffic_ai.simulate.traffic.motion import Motion
from traffic_ai.simulate.traffic.roads import layout_of
from traffic_ai.simulate.traffic.schema import RoadPart

ONE = idm.Temper(np.array([1.5]), np.array([2.0]), np.array([1.4]), np.array([2.0]))
STREET = layout_of(RoadPart.model_validate({"kind": "straight"}))
LANE = STREET.lanes["north-1"]


def makers_driver(enters_s: float, number: int = 0, wanted_mps: float = 14.0):
    maker = DriverMaker(np.random.default_rng(number), {"car": 1.0}, (50.0, 50.0), (1.5, 1.5))
    driver = maker.driver(LANE, LANE.ways[Turn.THROUGH], enters_s)
    driver.wanted_mps, driver.right_m, driver.id = wanted_mps, 0.0, number
    return driver


@pytest.mark.parametrize("speed_mps", [0.0, 5.0, 12.0])
def test_at_the_equilibrium_gap_nobody_accelerates(speed_mps: float) -> None:
    speed, wanted = np.array([speed_mps]), np.array([15.0])
    gap_m = idm.equilibrium_gap_m(speed, wanted, ONE)
    together = idm.free_mps2(speed, wanted, ONE) + idm.interaction_mps2(
        speed, gap_m, np.zeros(1), ONE
    )
    assert together == pytest.approx(0.0, abs=1e-12)


def test_the_equilibrium_gap_is_that_of_the_paper() -> None:
    gap_m = idm.equilibrium_gap_m(np.array([10.0]), np.array([20.0]), ONE)
    assert gap_m == pytest.approx((2.0 + 10.0 * 1.5) / np.sqrt(1 - 0.5**4))


def test_a_follower_settles_at_its_equilibrium_gap_behind_a_steady_leader() -> None:
    leader, follower = makers_driver(0.0, 1), makers_driver(2.5, 2)
    leader.wanted_mps = 9.0
    trails = {t.driver.id: t for t in Engine(STREET, ()).run([leader, follower], 0.0, 34.0)}
    one, other = trails[1], trails[2]
    last_s = 33.0
    places = [float(np.interp(last_s, t.t_s, t.places_m)) for t in (one, other)]
    speeds = [float(np.interp(last_s, t.t_s, t.speeds_mps)) for t in (one, other)]
    gap_m = places[0] - places[1] - (leader.body.length_m + follower.body.length_m) / 2
    temper = idm.Temper(
        np.array([follower.headway_s]),
        np.array([follower.standstill_m]),
        np.array([follower.pull_mps2]),
        np.array([follower.braking_mps2]),
    )
    expected_m = idm.equilibrium_gap_m(np.array([speeds[0]]), np.array([14.0]), temper)
    assert speeds[1] == pytest.approx(speeds[0], abs=0.15)
    assert gap_m == pytest.approx(float(expected_m[0]), rel=0.05)


def test_nobody_runs_into_a_vehicle_that_stops_dead() -> None:
    stopped, follower = makers_driver(0.0, 1), makers_driver(3.0, 2)
    stopped.script = Motion(4.0, 60.0, 0.0, ())
    trails = {t.driver.id: t for t in Engine(STREET, ()).run([stopped, follower], 0.0, 40.0)}
    gap_m = trails[1].places_m[-1] - trails[2].places_m[-1]
    gap_m -= (stopped.body.length_m + follower.body.length_m) / 2
    assert trails[2].speeds_mps[-1] == 0.0
    assert 0.5 * follower.standstill_m < gap_m < 1.5 * follower.standstill_m


def test_a_driver_on_a_free_road_crosses_when_place_and_speed_say() -> None:
    driver = makers_driver(1.0)
    trail = Engine(STREET, ()).run([driver], 0.0, 20.0)[0]
    assert trail.speeds_mps[-1] == pytest.approx(14.0, abs=0.01)
    assert crossing_s(trail, 140.0) == pytest.approx(1.0 + 140.0 / 14.0, abs=0.05)
