"""The stop-over-line rule: stands over its line while its signal is red."""

from functools import partial

import numpy as np
import pytest

from tests.road import PROVENANCE, Road, Vehicle, drive, near_misses, through, violations
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect
from traffic_ai.core.track import Track
from traffic_ai.core.violation import StopOverLineMeasurement, ViolationKind
from traffic_ai.rules.parameters import StopOverLineParameters
from traffic_ai.rules.standing import standing_points
from traffic_ai.rules.stop_over_line import StopOverLine

STOP_M = 25.0
PHASES = {"main": [(0.0, Aspect.GREEN), (2.0, Aspect.YELLOW), (5.0, Aspect.RED)]}


def run(path, heading=(0.0, 1.0), **options):
    return run_vehicle(Vehicle(path, heading=heading), **options)


def run_vehicle(vehicle, phases=PHASES, road=None, **options):
    return drive(
        road or Road(),
        [vehicle],
        lambda scene: [StopOverLine(scene, PROVENANCE, StopOverLineParameters())],
        seconds=options.pop("seconds", 20.0),
        phases=phases,
        **options,
    )


def stopping_at(front_m, at_s=7.0):
    return through(1.75, (0, 2), (at_s - 2.0, front_m - 6.0), (at_s, front_m), (60, front_m))


def test_standing_well_over_the_line_is_reported_once():
    (found,) = violations(run(stopping_at(STOP_M + 2.2), noise_px=1.0))
    assert found.kind is ViolationKind.STOP_OVER_LINE
    m = found.measurement
    assert isinstance(m, StopOverLineMeasurement)
    assert m.distance_over_m is not None
    assert 0.5 <= m.distance_over_m <= 2.2


@pytest.mark.parametrize("front_m", [STOP_M - 3.0, STOP_M - 0.3, STOP_M, STOP_M + 0.4])
def test_at_the_line_or_just_over_it_is_not_reported(front_m):
    assert not violations(run(stopping_at(front_m), noise_px=2.0, seconds=60.0))


def test_a_short_halt_is_not_reported():
    path = through(1.75, (0, 2), (5, 21), (7, STOP_M + 2.0), (8.5, STOP_M + 2.0), (12, 60))
    assert not violations(run(path))


@pytest.mark.parametrize("way_m", [1.2, 1.6])
def test_a_bus_that_still_rolls_does_not_stand_yet(way_m):
    """In its last metre and more its box moves by less than a tenth of its height."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=35.0)
    braking = [(7.0 + t_s, 31.0 + way_m * (1.0 - t_s / 1.5) ** 2) for t_s in (0.0, 0.5, 1.0, 1.5)]
    path = through(1.75, (0, 75), (5, 40), *braking, (60, 31.0))
    bus = Vehicle(path, RoadUser.BUS, heading=(0.0, -1.0))
    (found,) = violations(run_vehicle(bus, road=road, noise_px=0.5))
    assert found.t_s >= 7.5


def test_driving_through_is_not_reported():
    assert run(through(1.75, (0, 2), (20, 70))) == []


def test_caught_in_the_junction_after_green_is_logged_not_reported():
    findings = run(stopping_at(STOP_M + 3.0, at_s=2.5))
    assert not violations(findings)
    assert "came_over_on" in [n.reason for n in near_misses(findings)]


@pytest.mark.parametrize(
    ("user", "front_m", "rolls_m"), [(RoadUser.CAR, 26.5, 2.5), (RoadUser.BUS, 31.0, 8.0)]
)
def test_who_came_over_on_green_and_rolls_on_in_the_jam_is_logged_not_reported(
    user, front_m, rolls_m
):
    """By the shortest vehicle of its class it would come over only now."""
    stands = ((1.8, front_m), (9.0, front_m), (11.0, front_m + rolls_m), (60, front_m + rolls_m))
    path = through(1.75, (0, front_m - 14.0), *stands)
    findings = run_vehicle(Vehicle(path, user), noise_px=0.5, seconds=25.0)
    assert not violations(findings)
    assert "came_over_on" in [n.reason for n in near_misses(findings)]


@pytest.mark.parametrize(("blind_from_s", "reported"), [(5.6, 0), (9.0, 1)])
def test_red_counts_as_far_as_it_is_settled(blind_from_s, reported):
    """Then the lamp cannot be read; it may have turned green at once."""
    findings = run(stopping_at(STOP_M + 2.5, at_s=4.5), blind_s=(blind_from_s, 99.0))
    assert len(violations(findings)) == reported


def test_seen_from_the_front_without_calibration_the_bottom_edge_decides():
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=35.0, calibrated=False)
    path = through(1.75, (0, 75), (5, 40), (7, 32.0), (60, 32.0))
    (found,) = violations(run(path, road=road, heading=(0.0, -1.0)))
    assert isinstance(found.measurement, StopOverLineMeasurement)
    assert found.measurement.distance_over_m is None
    before = through(1.75, (0, 75), (5, 40), (7, 35.5), (60, 35.5))
    assert not violations(run(before, road=road, heading=(0.0, -1.0)))


@pytest.mark.parametrize(("over_m", "reported"), [(2.2, 1), (0.4, 0), (-0.5, 0)])
def test_the_road_just_beyond_the_calibrated_area_is_measured_too(over_m, reported):
    """Such areas often end at the line."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=35.0, near_m=34.5)
    front_m = 35.0 - over_m
    path = through(1.75, (0, 75), (5, front_m + 9.0), (7, front_m), (60, front_m))
    found = violations(run(path, heading=(0.0, -1.0), road=road, noise_px=1.0))
    assert len(found) == reported
    for one in found:
        assert isinstance(one.measurement, StopOverLineMeasurement)
        assert one.measurement.distance_over_m is not None
        assert 0.5 <= one.measurement.distance_over_m <= over_m


def test_it_is_reported_once_a_red_phase():
    phases = {"main": [*PHASES["main"], (20.0, Aspect.GREEN), (22.0, Aspect.YELLOW)]}
    assert len(violations(run(stopping_at(STOP_M + 2.2), phases=phases, seconds=22.0))) == 1


@pytest.mark.parametrize("over_m", [1.0, 1.5])
def test_who_is_likely_over_the_line_but_not_surely_is_logged(over_m):
    findings = run(stopping_at(STOP_M + over_m), noise_px=1.0)
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["distance_over_line"]


@pytest.mark.parametrize("stays_hidden", [0.0, 0.35, 0.5])
@pytest.mark.parametrize("front_m", [STOP_M - 0.3, STOP_M - 2.0])
def test_who_is_bit_by_bit_hidden_from_below_has_not_moved_ahead(front_m, stays_hidden):
    """What drives up behind it is not detected, and then hides a little less than it did."""

    def covered(t_s):
        return float(np.interp(t_s, [7.7, 9.0, 9.1], [0.0, 0.5, stays_hidden]))

    vehicle = Vehicle(stopping_at(front_m), covered=covered)
    assert not violations(run_vehicle(vehicle, fps=15.0, noise_px=0.7))


def test_who_stands_over_the_line_is_reported_although_hidden_later():
    covered = partial(np.interp, xp=[9.0, 10.5], fp=[0.0, 0.5])
    (found,) = violations(run_vehicle(Vehicle(stopping_at(STOP_M + 2.5), covered=covered)))
    assert found.measurement.distance_over_m <= 2.5


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("behind_m", [2.6, 6.5])
def test_what_has_no_room_before_a_truck_may_be_a_part_of_it(behind_m, calibrated):
    """The detector gives a second box on a truck, which reaches below the truck's own."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=35.0, calibrated=calibrated)

    def stops(front_m):
        return through(1.75, (0, front_m + 43.0), (5, front_m + 8.0), (7, front_m), (60, front_m))

    own = Vehicle(stops(32.0), RoadUser.CAR, heading=(0.0, -1.0))
    truck = Vehicle(stops(32.0 + behind_m), RoadUser.TRUCK, heading=(0.0, -1.0))
    findings = drive(
        road,
        [own, truck],
        lambda scene: [StopOverLine(scene, PROVENANCE, StopOverLineParameters())],
        seconds=20.0,
        phases=PHASES,
    )
    if behind_m > 5.0:
        assert len(violations(findings)) == 1
    else:
        assert not violations(findings)
        assert "room_to_the_next" in [n.reason for n in near_misses(findings)]


def test_one_that_stands_beside_another_has_room():
    lanes = [("down", 0.0, 3.5, -1), ("down-2", 3.5, 7.0, -1)]
    road = Road(lanes=lanes, stop_y_m=35.0)
    path = through(1.75, (0, 75), (5, 40), (7, 32.0), (60, 32.0))
    beside = through(4.2, (0, 75), (5, 40), (7, 32.3), (60, 32.3))
    vehicles = [
        Vehicle(path, RoadUser.MOTORCYCLE, heading=(0.0, -1.0)),
        Vehicle(beside, RoadUser.TRUCK, heading=(0.0, -1.0)),
    ]
    findings = drive(
        road,
        vehicles,
        lambda scene: [StopOverLine(scene, PROVENANCE, StopOverLineParameters())],
        seconds=20.0,
        phases=PHASES,
    )
    assert len(violations(findings)) == 2


def _rider_who_seems_to_walk(since_s, path, heading=(0.0, 1.0), *, start_s=0.0, called):
    """A motorcycle that the detector calls something at first, then somebody on foot."""
    whole = partial(Vehicle, path, RoadUser.MOTORCYCLE, heading=heading)
    return [
        whole(start_s=start_s, end_s=since_s, called=called),
        whole(start_s=since_s + 0.01, called=RoadUser.PERSON),
    ]


def _rule(scene):
    return [StopOverLine(scene, PROVENANCE, StopOverLineParameters())]


@pytest.mark.parametrize(
    ("front_m", "called", "reported"),
    [
        (STOP_M + 3.0, RoadUser.MOTORCYCLE, 1),
        (STOP_M - 0.3, RoadUser.MOTORCYCLE, 0),
        (STOP_M + 3.0, RoadUser.PERSON, 0),
    ],
)
def test_a_standing_rider_is_what_he_was_called_on_his_way(front_m, called, reported):
    path = stopping_at(front_m, at_s=11.0)
    rider = _rider_who_seems_to_walk(9.8, path, start_s=7.5, called=called)
    found = violations(drive(Road(), rider, _rule, seconds=30.0, phases=PHASES, noise_px=0.5))
    assert [one.road_user for one in found] == [RoadUser.MOTORCYCLE] * reported
    assert all(one.t_s > 10.0 for one in found)


@pytest.mark.parametrize("ahead_seen", [True, False])
def test_a_lower_edge_that_nothing_shows_tells_where_a_front_stands_at_the_least(ahead_seen):
    """It ends too high in the picture: a rear would seem farther ahead than it is."""
    track = Track(1, 0.0)
    for t_s in np.arange(0.0, 8.0, 0.1).tolist():
        top = 100.0 + 20.0 * min(t_s, 4.0)
        box = np.array([300.0, top, 360.0, top + 80.0])
        track.append(t_s, box, None, None, observed=True, grounded=t_s < 3.0)
    window = track.t_s >= 5.0
    forward = np.array([0.0, 1.0])
    found = standing_points(track, window, forward, None, ahead_seen=ahead_seen)
    assert found[window].all() if ahead_seen else not found.any()
