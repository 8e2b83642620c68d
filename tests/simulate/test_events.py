"""True violations: exact moments, one of each deed, none of what is allowed."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from traffic_ai.core.violation import ViolationKind
from traffic_ai.simulate.event import STAND_MPS, Event
from traffic_ai.simulate.events import violations
from traffic_ai.simulate.traffic import Scenario, make_world
from traffic_ai.simulate.traffic.schema import read_scenario
from traffic_ai.simulate.world import World

EMPTY = {"flow_per_h": 0.0, "flow_back_per_h": 0.0, "flow_cross_per_h": 0.0}
PHASES = [[0.0, "green"], [9.0, "yellow"], [12.0, "red"], [28.0, "green"]]


def scenario(**parts: Any) -> Scenario:
    base = {
        "name": "case",
        "signals": {"phases": PHASES},
        "traffic": EMPTY,
        "timing": {"duration_s": 45.0, "fps": 10.0},
    }
    return read_scenario(base | parts, lambda path: "")


def car(**keys: Any) -> dict[str, Any]:
    return {"model": "saloon", "lane": "north-1", "at_m": 25.0, "speed_kmh": 36.0} | keys


def found(**parts: Any) -> list[Event]:
    return violations(make_world(scenario(**parts)))


def test_a_front_crosses_at_the_moment_it_crosses() -> None:
    (event,) = found(vehicles=[car(at_s=14.5, speed_kmh=45.0)])
    assert (event.kind, event.lane_id, event.certain) == (ViolationKind.RED_LIGHT, "north-1", True)
    assert event.figures["front_crosses_s"] == pytest.approx(14.5, abs=1e-6)
    assert event.figures["time_into_red_s"] == pytest.approx(2.5, abs=1e-6)
    assert event.figures["rear_crosses_s"] == pytest.approx(14.5 + 4.72 / 12.5, abs=1e-6)
    assert event.figures["speed_kmh"] == pytest.approx(45.0)
    assert event.until_s == pytest.approx(14.5 + 6.0 / 12.5, abs=1e-6)


@pytest.mark.parametrize("at_s", [5.0, 9.5, 11.999, 28.5])
def test_green_and_yellow_may_be_crossed(at_s: float) -> None:
    assert found(vehicles=[car(at_s=at_s)]) == []


def test_a_hundredth_of_a_second_into_red_is_red() -> None:
    (event,) = found(vehicles=[car(at_s=12.01)])
    assert event.figures["time_into_red_s"] == pytest.approx(0.01, abs=1e-6)


def test_the_bend_of_braking_is_solved_too() -> None:
    legs = [{"within_s": 4.0, "speed_kmh": 18.0}]
    world = make_world(scenario(vehicles=[car(at_s=12.5, at_m=5.0, legs=legs)]))
    (event,) = violations(world)
    vehicle = world.vehicles[0]
    front_m = vehicle.course.poses(np.array([event.figures["front_crosses_s"]])).middle_m[0, 1]
    assert front_m + vehicle.body.length_m / 2 == pytest.approx(25.0, abs=1e-6)


def stand(over_m: float, **keys: Any) -> dict[str, Any]:
    """Stands from 18 s with the front so far over the line, and drives on at 29 s."""
    legs = [{"within_s": w, "speed_kmh": v} for w, v in ((4.0, 0.0), (11.0, 0.0), (6.0, 36.0))]
    return car(at_s=14.0, at_m=25.0 + over_m - 20.0, legs=legs, **keys)


def test_who_stands_over_the_line_at_red_is_over_it_by_that_much() -> None:
    (event,) = found(vehicles=[stand(1.3)])
    assert event.kind is ViolationKind.STOP_OVER_LINE
    assert event.figures["front_over_line_m"] == pytest.approx(1.3, abs=1e-4)
    left = brentq(lambda share: 10.0 * (3 * share**2 - 2 * share**3) - STAND_MPS, 0.0, 0.5)
    assert event.t_s == pytest.approx(18.0 - 4.0 * left, abs=1e-4)
    assert event.until_s == pytest.approx(28.0, abs=1e-6)


STOOD = [[0.0, "red"], [20.0, "green"]]


@pytest.mark.parametrize("came_s", [-30.0, -4.0])
def test_who_stood_over_the_line_before_the_first_frame_is_not_certain(came_s: float) -> None:
    legs = [{"within_s": w, "speed_kmh": v} for w, v in ((2.0, 0.0), (20.0 - came_s, 0.0))]
    vehicle = car(at_s=came_s, at_m=16.3, legs=[*legs, {"within_s": 6.0, "speed_kmh": 36.0}])
    (event,) = found(signals={"phases": STOOD}, vehicles=[vehicle])
    assert (event.kind, event.certain) == (ViolationKind.STOP_OVER_LINE, False)
    assert event.figures["stands_from_s"] == 0.0
    assert event.figures["stands_until_s"] == pytest.approx(20.0, abs=1e-6)
    assert event.figures["front_over_line_m"] == pytest.approx(1.3, abs=1e-4)
    assert ("front_crosses_s" in event.figures) == (came_s > -6.0)


def test_who_is_over_the_line_at_the_first_frame_and_drives_does_not_stand() -> None:
    assert found(signals={"phases": STOOD}, vehicles=[car(at_s=0.0, at_m=27.0)]) == []


def test_who_stands_just_before_the_line_does_nothing_wrong() -> None:
    assert found(vehicles=[stand(-0.05)]) == []


def test_who_stood_over_the_line_since_green_does_nothing_wrong() -> None:
    legs = [{"within_s": w, "speed_kmh": v} for w, v in ((3.0, 0.0), (22.0, 0.0), (6.0, 36.0))]
    assert found(vehicles=[car(at_s=3.0, at_m=12.0, legs=legs)]) == []


def test_the_way_driven_against_a_lane_is_measured() -> None:
    watch = {"watch_m": [15.0, 65.0]}
    (event,) = found(
        road=watch, vehicles=[car(lane="south-2", at_s=5.0, at_m=20.0, wrong_way=True)]
    )
    assert (event.kind, event.lane_id) == (ViolationKind.WRONG_WAY, "south-2")
    assert event.figures["driven_m"] == pytest.approx(50.0, abs=1e-4)
    # Its middle is 2.36 m behind its front, which is 5 m into the lane at 5 s.
    assert event.t_s == pytest.approx(5.0 - (5.0 - 2.36) / 10.0, abs=1e-4)
    assert event.until_s - event.t_s == pytest.approx(5.0, abs=1e-4)


def test_backing_up_counts_by_its_metres() -> None:
    legs = [
        {"within_s": w, "speed_kmh": v}
        for w, v in ((3.0, 0.0), (2.0, 0.0), (2.0, -5.4), (1.0, -5.4), (2.0, 0.0), (5.0, 36.0))
    ]
    (event,) = found(road={"kind": "straight"}, vehicles=[car(at_s=5.0, at_m=30.0, legs=legs)])
    assert event.kind is ViolationKind.WRONG_WAY
    assert event.figures["driven_m"] == pytest.approx(1.5 * (1.0 + 1.0 + 1.0), abs=0.01)
    # It backs up at more than STAND_MPS but for the first and last moments of its two ramps.
    slow = brentq(lambda share: 1.5 * (3 * share**2 - 2 * share**3) - STAND_MPS, 0.0, 0.5)
    assert event.t_s == pytest.approx(10.0 + 2.0 * slow, abs=1e-4)
    assert event.until_s == pytest.approx(15.0 - 2.0 * slow, abs=1e-4)


@pytest.mark.parametrize(("kmh", "count"), [(49.9, 0), (50.1, 1), (250.0, 1)])
def test_speeding_begins_above_the_limit(kmh: float, count: int) -> None:
    world = make_world(scenario(road={"kind": "straight"}, vehicles=[car(at_s=5.0, speed_kmh=kmh)]))
    events = violations(world)
    assert len(events) == count
    for event in events:
        assert event.figures["speed_kmh"] == pytest.approx(kmh, abs=1e-6)
        assert event.figures["limit_kmh"] == 50.0
        from_m, until_m = world.road.lane("north-1").centre_m[[0, -1], 1]
        middle_m = 25.0 - world.vehicles[0].body.length_m / 2
        assert event.t_s == pytest.approx(5.0 + 3.6 * (from_m - middle_m) / kmh, abs=1e-4)
        assert event.until_s == pytest.approx(5.0 + 3.6 * (until_m - middle_m) / kmh, abs=1e-4)


def test_what_happens_at_the_first_frames_is_not_certain() -> None:
    phases = [[0.0, "red"], [20.0, "green"]]
    (event,) = found(signals={"phases": phases}, vehicles=[car(at_s=0.5)])
    assert not event.certain


def test_dark_lamps_make_red_light_uncertain() -> None:
    (event,) = found(look={"lamp_fault": "dark"}, vehicles=[car(at_s=15.0)])
    assert not event.certain


DEED_CASES = [
    ({"deed": "run_red", "into_s": [0.1, 0.1]}, {"red_light"}),
    ({"deed": "run_red", "into_s": [9.0, 10.0]}, {"red_light"}),
    ({"deed": "run_yellow"}, set()),
    ({"deed": "stop_over_line", "over_m": [2.0, 2.0]}, {"stop_over_line"}),
    ({"deed": "creep", "over_m": [-0.3, -0.1]}, set()),
    ({"deed": "creep", "over_m": [1.0, 1.2]}, {"stop_over_line"}),
    ({"deed": "reverse", "by_m": [3.0, 3.0], "for_s": [2.5, 2.5]}, {"stop_over_line", "wrong_way"}),
    ({"deed": "turn_on_red"}, set()),
    ({"deed": "uturn"}, set()),
    ({"deed": "change_lane"}, set()),
    ({"deed": "park"}, set()),
    ({"deed": "speeding", "speed_kmh": [90.0, 90.0]}, {"speeding"}),
    ({"deed": "wrong_way"}, {"wrong_way"}),
]


def with_deed(deed: dict[str, Any]) -> World:
    return make_world(
        scenario(
            road={"permitted_exit": True},
            camera={"field_deg": 75.0, "yaw_deg": 6.0, "pitch_deg": 18.0, "height_m": 9.0},
            signals={"first_yellow_s": 25.0},
            traffic={"flow_per_h": 200.0, "flow_back_per_h": 150.0, "flow_cross_per_h": 150.0},
            timing={"duration_s": 75.0, "fps": 5.0},
            deeds=[{"kind": "car", **deed}],
        )
    )


@pytest.mark.parametrize(
    ("deed", "kinds"), DEED_CASES, ids=[str(deed["deed"]) for deed, _ in DEED_CASES]
)
def test_a_deed_makes_its_violation_and_no_other(deed: dict[str, Any], kinds: set[str]) -> None:
    world = with_deed(deed)
    assert sum(vehicle.deed == deed["deed"] for vehicle in world.vehicles) == 1
    events = [event for event in violations(world) if event.certain]
    assert {event.kind.value for event in events} == kinds
    if "into_s" in deed:
        low, high = deed["into_s"]
        assert low - 0.1 < float(events[0].figures["time_into_red_s"]) < high + 0.1
    if kinds == {"stop_over_line"}:
        low, high = deed["over_m"]
        assert low - 0.4 < float(events[0].figures["front_over_line_m"]) < high + 0.05
