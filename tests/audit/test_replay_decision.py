"""Decisions, as a session hands them out: each violation comes out of its own exactly again."""

import dataclasses
import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import PROVENANCE, Road, Vehicle, steps, straight, through
from traffic_ai.core.decision import Decision
from traffic_ai.core.decision_text import decision_text, read_decision
from traffic_ai.core.errors import EvidenceError
from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.core.replay import compare, replayed
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import Violation, ViolationKind, WrongWayMeasurement, document
from traffic_ai.rules.findings import Reporter
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)
from traffic_ai.rules.red_light import RedLight
from traffic_ai.rules.speeding import Speeding
from traffic_ai.rules.stop_over_line import StopOverLine
from traffic_ai.rules.wrong_way import WrongWay

STOP_M = 25.0
PHASES = {"main": [(0.0, Aspect.GREEN), (2.0, Aspect.YELLOW), (5.0, Aspect.RED)]}
NOON = CapturedAt(datetime(2026, 5, 1, 12, 0, tzinfo=UTC), ClockSource.CAMERA, 0.02)

RUNNER = Vehicle(straight(1.75, 10.0, STOP_M, 8.0))
STANDING = Vehicle(through(1.75, (0, 2), (5, STOP_M), (7, STOP_M + 7), (60, STOP_M + 7)))
WRONG = Vehicle(straight(1.75, -12.0, 70.0), heading=(0.0, -1.0))
SPEEDER = Vehicle(straight(1.75, 80 / 3.6, 12.0))
PASSER_BY = Vehicle(straight(1.75, 9.0, 5.0, 0.5), RoadUser.TRUCK, end_s=6.0)
VEHICLES = {
    ViolationKind.RED_LIGHT: RUNNER,
    ViolationKind.STOP_OVER_LINE: STANDING,
    ViolationKind.WRONG_WAY: WRONG,
    ViolationKind.SPEEDING: SPEEDER,
}


def all_rules(scene):
    return [
        RedLight(scene, PROVENANCE, RedLightParameters()),
        StopOverLine(scene, PROVENANCE, StopOverLineParameters()),
        WrongWay(scene, PROVENANCE, WrongWayParameters()),
        Speeding(scene, PROVENANCE, SpeedingParameters()),
    ]


def reported(vehicles, road=None, **options):
    """Violations and the decisions on them."""
    options = {"seconds": 14.0, "phases": PHASES} | options
    found = []
    for step in steps(road or Road(), vehicles, all_rules, **options):
        found += [(f, step.decisions[f.id]) for f in step.findings if isinstance(f, Violation)]
    return found


def as_stored(violation):
    return json.loads(json.dumps(document(violation)))


def differences(violation, decision, road=None):
    """What comes out otherwise when the decision is written, read and made again."""
    read = read_decision(decision_text(decision))
    return compare(as_stored(violation), replayed(read, all_rules((road or Road()).scene())))


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("kind", list(VEHICLES))
def test_every_kind_comes_out_the_same_to_the_last_digit(kind, calibrated):
    if kind is ViolationKind.SPEEDING and not calibrated:
        pytest.skip("no speed without a road plane")
    road = Road(calibrated=calibrated)
    found = reported([VEHICLES[kind], PASSER_BY], road, noise_px=1.0)
    assert kind in {violation.kind for violation, _ in found}
    for violation, decision in found:
        assert decision.whole
        assert differences(violation, decision, road) == []


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(list(VEHICLES)),
    seed=st.integers(0, 10**6),
    noise_px=st.floats(0.0, 2.5),
    missed=st.floats(0.0, 0.3),
    fps=st.sampled_from([8.0, 12.5, 25.0, 29.97]),
    live=st.booleans(),
    closing=st.booleans(),
)
def test_noise_gaps_damage_and_clocks_change_nothing_about_that(
    kind, seed, noise_px, missed, fps, live, closing
):
    moments = np.arange(0.0, 9.5 if closing else 14.0, 1.0 / fps)
    if live:  # a camera's frames come unevenly, some never
        random = np.random.default_rng(seed)
        moments = moments[random.random(len(moments)) > 0.2] + 0.2 / fps * random.random()
    found = reported(
        [VEHICLES[kind], PASSER_BY],
        noise_px=noise_px,
        seed=seed,
        missed=missed,
        times_s=moments,
        damaged=lambda index: index % 17 == 5,
        began_at=NOON if live else None,
    )
    for violation, decision in found:
        assert differences(violation, decision) == []


@pytest.mark.parametrize("seed", range(3))
def test_dense_traffic_around_it_changes_nothing_about_that(seed):
    """Rules compute for all vehicles of a frame at once; alone it must give the same digits."""
    random = np.random.default_rng(seed)
    lanes = [("up", 0.0, 3.5, 1), ("up-2", 3.5, 7.0, 1), ("down", -3.5, 0.0, -1)]
    others = [
        Vehicle(
            straight(x_m, way * random.uniform(8.0, 26.0), 40.0, random.uniform(-1.0, 13.0)),
            RoadUser(int(random.choice([2, 3, 5]))),
            heading=(0.0, float(np.sign(way))),
        )
        for x_m, way in [(5.25, 1), (-1.75, -1), (1.75, -1), (5.25, -1)] * 4
    ]
    found = reported([*VEHICLES.values(), *others], Road(lanes=lanes), noise_px=1.0, seed=seed)
    assert len(found) > 8
    for violation, decision in found:
        assert differences(violation, decision, Road(lanes=lanes)) == []


def test_a_decision_made_as_the_session_closes_is_replayed_with_its_close():
    found = reported([SPEEDER], seconds=2.2)
    assert found, "the pass is cut off by the end of the recording"
    for violation, decision in found:
        assert decision.closed
        assert differences(violation, decision) == []


def test_a_vehicle_that_waited_longer_than_a_history_reaches_is_replayed_whole():
    start = (0, STOP_M - 12), (4, STOP_M - 3), (100, STOP_M - 3), (103, 45), (106, 70)
    late = Vehicle(through(1.75, *start))
    phases = {"main": [(0.0, Aspect.GREEN), (1.0, Aspect.YELLOW), (4.0, Aspect.RED)]}
    found = reported([late], phases=phases, seconds=110.0, noise_px=0.5)
    assert [v.kind for v, _ in found] == [ViolationKind.RED_LIGHT]
    violation, decision = found[0]
    assert len(decision.vehicle.points) > 2048
    assert decision.whole
    assert differences(violation, decision) == []


def test_a_vehicle_that_was_there_for_longer_than_is_kept_is_said_not_to_be_whole():
    long = Vehicle(through(1.75, (0, 15), (200, STOP_M - 3), (203, 45), (206, 70)))
    phases = {"main": [(0.0, Aspect.GREEN), (1.0, Aspect.YELLOW), (4.0, Aspect.RED)]}
    found = reported([long], phases=phases, seconds=208.0)
    assert found
    violation, decision = found[0]
    assert not decision.whole
    assert len(decision.frames) == 4096
    assert differences(violation, decision) == []


class Counting:
    """A rule that reports every vehicle that leaves, with how many it reported before."""

    remembers_s = 20.0

    def __init__(self):
        self.count = 0

    def update(self, observation):
        report = Reporter("cam", ViolationKind.WRONG_WAY, "counting-1", PROVENANCE)
        found = []
        for track_id in observation.tracks.ended:
            track = observation.histories[track_id]
            t_s = float(track.t_s[-1])
            measured = WrongWayMeasurement(t_s, t_s, None, None, 0.0, float(self.count))
            self.count += 1
            found.append(
                report.violation(
                    track, "up", observation.frame_info, t_s, (t_s, t_s, t_s), measured, ()
                )
            )
        return found

    def close(self):
        return ()


def test_a_rule_that_remembers_reported_vehicles_is_given_them_again():
    vehicles = [
        Vehicle(straight(1.75, -9.0, 70.0, at_s), heading=(0.0, -1.0), start_s=at_s, end_s=at_s + 3)
        for at_s in (0.0, 6.0, 40.0)
    ]
    found = []
    for step in steps(Road(), vehicles, lambda scene: [Counting()], seconds=50.0, fps=10.0):
        found += [(f, step.decisions[f.id]) for f in step.findings]
    assert [v.measurement.duration_s for v, _ in found] == [0.0, 1.0, 2.0]
    assert [len(d.vehicles) for _, d in found] == [1, 2, 1], "the third came too late to remember"
    for violation, decision in found[:2]:
        again = replayed(read_decision(decision_text(decision)), [Counting()])
        assert compare(as_stored(violation), again) == []


@pytest.fixture(scope="module")
def speeding():
    ((violation, decision),) = reported([SPEEDER], noise_px=1.0)
    return violation, decision


def leaves(value, path=()):
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))]
    return [(path, value)]


def test_any_single_number_altered_in_the_record_is_found(speeding):
    violation, decision = speeding
    again = replayed(decision, all_rules(Road().scene()))
    recorded = as_stored(violation)
    numbers = [
        path for path, value in leaves(recorded) if isinstance(value, float) and value != 0.0
    ]
    assert len(numbers) > 100
    for path in numbers[::9]:
        owner = recorded
        for key in path[:-1]:
            owner = owner[key]
        true = owner[path[-1]]
        owner[path[-1]] = math.nextafter(true, math.inf)
        found = compare(recorded, again)
        owner[path[-1]] = true
        assert len(found) == 1, path
        assert found[0].recorded == json.dumps(math.nextafter(true, math.inf))
        assert found[0].replayed == json.dumps(true)


def test_a_track_point_altered_changes_the_outcome(speeding):
    violation, decision = speeding
    points = decision.vehicle.points
    moved = points.ground_m.copy()
    moved[len(moved) // 2, 1] += 0.05
    assert differences(violation, with_points(decision, ground_m=moved))


def test_votes_altered_change_what_a_truck_may_be():
    truck = Vehicle(straight(1.75, 80 / 3.6, 12.0), RoadUser.TRUCK)
    ((violation, decision),) = reported([truck], noise_px=1.0)
    assert decision.vehicle.votes[RoadUser.TRUCK] > 0.0
    assert differences(violation, decision) == []
    by_turns = dataclasses.replace(decision.vehicle, votes=(0.0, 0.0, 0.0, 0.0, 9.0, 11.0))
    assert differences(violation, dataclasses.replace(decision, vehicles=(by_turns,)))


def test_a_decision_of_an_earlier_version_has_no_votes(speeding):
    value = json.loads(decision_text(speeding[1]))
    del value["vehicles"][0]["votes"]
    assert not any(read_decision(json.dumps(value)).vehicle.votes)


def test_where_nothing_is_reported_any_more_that_is_said(speeding):
    violation, decision = speeding
    unseen = np.zeros_like(decision.vehicle.points.grounded)
    (found,) = differences(violation, with_points(decision, grounded=unseen))
    assert (found.path, found.recorded) == ("", "speeding")
    assert found.replayed.startswith("nothing reported")


def with_points(decision: Decision, **changes) -> Decision:
    vehicle = decision.vehicle
    points = dataclasses.replace(vehicle.points, **changes)
    return dataclasses.replace(
        decision, vehicles=(dataclasses.replace(vehicle, points=points), *decision.vehicles[1:])
    )


def test_the_text_gives_the_same_text_again(speeding):
    text = decision_text(speeding[1])
    assert decision_text(read_decision(text)) == text
    assert text.isascii()
    assert "NaN" not in text
    assert "Infinity" not in text


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(format="traffic-ai decision 9"),
        lambda v: v.pop("frames"),
        lambda v: v["frames"]["t_s"].pop(),
        lambda v: v["frames"].update(clock=[[10**12, None]]),
        lambda v: v["vehicles"][0]["t_s"].pop(),
        lambda v: v["vehicles"][0].update(observed="1"),
        lambda v: v["vehicles"][0].update(road_user=[[1, "tank"]]),
        lambda v: v["vehicles"][0]["votes"].pop(),
        lambda v: v["vehicles"][0]["votes"].__setitem__(0, -1.0),
        lambda v: v["signals"]["main"].update(history=[[1, [99]]]),
        lambda v: v.update(vehicles=None),
        lambda v: v["frames"]["index"].__setitem__(0, float("inf")),
    ],
)
def test_a_text_that_is_no_decision_is_refused(speeding, change):
    value = json.loads(decision_text(speeding[1]))
    change(value)
    with pytest.raises(EvidenceError):
        read_decision(json.dumps(value))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format":NaN}', "[" * 10**5])
def test_a_text_that_is_not_even_alike_is_refused(text):
    with pytest.raises(EvidenceError):
        read_decision(text)
