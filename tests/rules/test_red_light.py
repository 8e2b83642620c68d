"""The red-light rule: who crossed on red and went on, and who did not."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.road import (
    PROVENANCE,
    Camera,
    Road,
    Vehicle,
    drive,
    near_misses,
    straight,
    through,
    violations,
)
from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.signal import Aspect
from traffic_ai.core.violation import RedLightMeasurement, VehicleEnd, ViolationKind
from traffic_ai.rules.parameters import RedLightParameters
from traffic_ai.rules.red_light import RedLight
from traffic_ai.rules.watched_line import Passing
from traffic_ai.signals.feed import Feed, load_feed

RED_AT_S = 5.0
PHASES = {"main": [(0.0, Aspect.GREEN), (2.0, Aspect.YELLOW), (RED_AT_S, Aspect.RED)]}
STOP_M = 25.0


def rules(scene, grace_s=0.3):
    return [RedLight(scene, PROVENANCE, RedLightParameters(grace_s=grace_s))]


def crossing_at(front_s, speed_mps=10.0, x_m=1.75, road_user=RoadUser.CAR):
    """A vehicle going straight on whose front is on the stop line at that moment."""
    return Vehicle(straight(x_m, speed_mps, STOP_M, front_s), road_user)


def run(vehicle, road=None, phases=PHASES, **options):
    others = options.pop("others", [])
    grace_s = options.pop("grace_s", 0.3)
    return drive(
        road or Road(),
        [vehicle, *others],
        lambda scene: rules(scene, grace_s),
        seconds=options.pop("seconds", 14.0),
        phases=phases,
        **options,
    )


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("road_user", [RoadUser.CAR, RoadUser.MOTORCYCLE])
def test_a_vehicle_that_crosses_well_into_red_is_reported_once(road_user, calibrated):
    found = violations(
        run(crossing_at(RED_AT_S + 3.0, road_user=road_user), Road(calibrated=calibrated))
    )
    assert [v.kind for v in found] == [ViolationKind.RED_LIGHT]
    assert found[0].lane_id == "up"
    assert found[0].road_user is road_user


def test_a_truck_is_reported_where_its_rear_is_seen_a_trucks_length_before_the_line():
    truck = Vehicle(straight(1.75, 10.0, 42.0, RED_AT_S + 3.0), RoadUser.TRUCK)
    (found,) = violations(run(truck, Road(stop_y_m=42.0)))
    assert found.road_user is RoadUser.TRUCK


@pytest.mark.parametrize(
    ("road_user", "stop_m"), [(RoadUser.TRUCK, STOP_M), (RoadUser.BUS, 30.0), (RoadUser.BUS, 34.0)]
)
@pytest.mark.parametrize("into_red_s", [1.5, 3.0, 6.0])
def test_a_long_vehicles_front_is_known_by_its_upper_edge(road_user, stop_m, into_red_s):
    """Its rear comes into the picture when the front is already near the line, or over it."""
    crossing_s = RED_AT_S + into_red_s
    vehicle = Vehicle(straight(1.75, 10.0, stop_m, crossing_s), road_user)
    (found,) = violations(run(vehicle, Road(stop_y_m=stop_m), noise_px=1.0))
    m = found.measurement
    assert isinstance(m, RedLightMeasurement)
    assert m.front_earliest_s <= crossing_s
    assert m.time_into_red_s > into_red_s - 1.3


def test_a_trailer_called_a_car_is_not_taken_to_be_as_short_as_one():
    crossing_s = RED_AT_S + 2.0
    path = straight(1.75, 10.0, 34.0, crossing_s)
    bus = Vehicle(path, RoadUser.BUS, called=RoadUser.CAR)
    for found in violations(run(bus, Road(stop_y_m=34.0), noise_px=1.0)):
        assert found.measurement.front_earliest_s <= crossing_s


def test_a_vehicle_whose_front_was_over_the_line_when_it_appeared_is_logged_not_reported():
    bus = Vehicle(straight(1.75, 10.0, 18.0, RED_AT_S + 3.0), RoadUser.BUS)
    findings = run(bus, Road(stop_y_m=18.0))
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["seen_before_line"]


def test_a_bus_first_seen_over_the_line_came_from_before_it_if_it_is_fast():
    crossing_s = RED_AT_S + 3.0
    bus = Vehicle(straight(1.75, 16.0, 22.0, crossing_s), RoadUser.BUS)
    (found,) = violations(run(bus, Road(stop_y_m=22.0), noise_px=1.0))
    assert found.explanation[0].measured == "by its speed"
    assert found.measurement.front_earliest_s <= crossing_s


@pytest.mark.parametrize("road_user", [RoadUser.BUS, RoadUser.TRUCK])
@pytest.mark.parametrize("height_m", [7.0, 10.0])
@pytest.mark.parametrize("speed_mps", [8.0, 14.0])
def test_a_long_vehicle_is_seen_to_come_by_its_upper_edge_before_its_rear_is(
    road_user, height_m, speed_mps
):
    crossing_s = RED_AT_S + 4.0
    camera = Camera(height_m=height_m, pitch_deg=18.0, focal_px=1500.0)
    road = Road(camera=camera, stop_y_m=24.0, near_m=23.0)
    vehicle = Vehicle(straight(1.75, speed_mps, 24.0, crossing_s), road_user)
    found = violations(run(vehicle, road, noise_px=1.0))
    for violation in found:
        assert violation.measurement.front_earliest_s <= crossing_s
    if speed_mps > 10.0 and height_m >= 10.0:
        assert found


@pytest.mark.parametrize("road_user", [RoadUser.BUS, RoadUser.TRUCK])
@pytest.mark.parametrize("height_m", [7.0, 10.0])
@pytest.mark.parametrize("over_m", [0.2, 2.0, 6.0])
@pytest.mark.parametrize("acceleration_mps2", [1.2, 2.5])
def test_a_long_vehicle_that_stood_over_the_line_since_green_and_pulls_away_is_not_reported(
    road_user, height_m, over_m, acceleration_mps2
):
    def path(t_s):
        return 1.75, 24.0 + over_m + acceleration_mps2 * max(t_s - RED_AT_S - 2.0, 0.0) ** 2 / 2.0

    camera = Camera(height_m=height_m, pitch_deg=18.0, focal_px=1500.0)
    road = Road(camera=camera, stop_y_m=24.0, near_m=23.0)
    assert not violations(run(Vehicle(path, road_user), road, noise_px=1.0, seconds=16.0))


def test_a_bus_whose_front_passed_both_lines_on_red_is_reported_though_its_rear_did_not():
    """The shortest of its class would be past the second line 0.2 s before red ends."""
    phases = {"main": [*PHASES["main"], (RED_AT_S + 4.1, Aspect.GREEN)]}
    bus = Vehicle(straight(1.75, 15.0, 34.0, RED_AT_S + 3.0), RoadUser.BUS)
    (found,) = violations(run(bus, Road(stop_y_m=34.0), phases=phases, noise_px=1.0))
    assert found.kind is ViolationKind.RED_LIGHT


def test_who_is_covered_while_crossing_is_decided_when_seen_again():
    """The next vehicle follows closely and covers the lower edge for some metres."""
    first = crossing_at(RED_AT_S + 2.0)
    second = Vehicle(through(1.75, (4.0, -11.0), (7.5, 24.0), (9.0, 33.0), (13.0, 57.0)))
    found = violations(run(first, others=[second]))
    assert any(abs(f.t_s - RED_AT_S - 2.0) < 0.5 for f in found)


def test_who_stays_covered_from_the_line_on_is_logged_not_reported():
    """The next vehicle follows closely for as long as either is seen."""
    first = crossing_at(RED_AT_S + 2.0)
    second = Vehicle(straight(1.75, 10.0, STOP_M - 6.5, RED_AT_S + 2.0))
    found = run(first, others=[second])
    (near,) = near_misses(found)
    assert (near.reason, near.lane_id) == ("crossing_seen", "up")
    assert near.track_id not in {v.track_id for v in violations(found)}
    green = {"main": [(0.0, Aspect.GREEN)]}
    assert run(first, others=[second], phases=green) == []


def test_time_into_red_is_bounded_and_the_earliest_counts():
    (found,) = violations(run(crossing_at(RED_AT_S + 2.0), noise_px=1.0))
    m = found.measurement
    assert isinstance(m, RedLightMeasurement)
    assert m.observed_end is VehicleEnd.REAR
    assert m.front_earliest_s <= RED_AT_S + 2.0 <= m.front_latest_s
    assert m.time_into_red_s <= 2.0
    assert m.time_into_red_s > 1.5
    # the rear crosses 4.3 m later, at 10 m/s
    assert m.observed_crossing_s == pytest.approx(RED_AT_S + 2.43, abs=m.observed_crossing_bound_s)
    assert m.yellow_duration_s == pytest.approx(3.0)


def test_seen_from_the_front_the_crossing_is_direct():
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=45.0)
    car = Vehicle(straight(1.75, -10.0, 45.0, RED_AT_S + 2.0), heading=(0.0, -1.0))
    (found,) = violations(run(car, road))
    m = found.measurement
    assert isinstance(m, RedLightMeasurement)
    assert m.observed_end is VehicleEnd.FRONT
    assert m.front_earliest_s <= RED_AT_S + 2.0 <= m.front_latest_s + 0.05
    assert m.time_into_red_s > 1.5


def test_crossing_on_yellow_is_legal_and_logged_if_the_rear_crosses_on_red():
    findings = run(crossing_at(RED_AT_S - 0.2))
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["time_into_red"]


def test_within_the_grace_time_nothing_is_reported():
    findings = run(crossing_at(RED_AT_S + 1.0), grace_s=1.5)
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["time_into_red"]


def test_crossing_on_green_leaves_no_trace():
    assert run(crossing_at(1.0)) == []


def test_stopping_before_the_line_leaves_no_trace():
    car = Vehicle(through(1.75, (0, 2), (4, 20), (7, STOP_M - 0.4), (30, STOP_M - 0.4)))
    assert run(car, seconds=25.0, noise_px=2.0) == []


def test_stopping_over_the_line_is_not_red_light_running():
    car = Vehicle(through(1.75, (0, 2), (4, 18), (7, STOP_M + 2.0), (30, STOP_M + 2.0)))
    assert not violations(run(car, seconds=20.0))


def test_creeping_over_the_line_and_waiting_there_for_green_is_not_reported():
    phases = {"main": [*PHASES["main"], (25.0, Aspect.GREEN)]}
    car = Vehicle(
        through(1.75, (0, 2), (5, 20), (7, 24), (20, STOP_M + 5.5), (26, STOP_M + 5.6), (32, 70))
    )
    findings = run(car, phases=phases, seconds=32.0)
    assert not violations(findings)
    assert near_misses(findings)


def test_past_the_line_when_red_begins_is_legal():
    car = Vehicle(through(1.75, (0, 8), (3, STOP_M + 2.5), (8, STOP_M + 3.0), (11, 60)))
    assert not violations(run(car))


def test_a_permitted_turn_is_not_reported():
    exits = [[(4.0, 27.0), (20.0, 27.0), (20.0, 33.0), (4.0, 33.0)]]

    def turn(t_s):
        y = 10.0 + 5.0 * (t_s - 4.0)
        over = max(y - 27.0, 0.0)
        return 1.75 + over, min(y, 29.0 + 0.2 * over)

    findings = run(Vehicle(turn), Road(exits_m=exits, beyond_m=3.0), seconds=20.0)
    assert not violations(findings)


def test_the_other_approachs_signal_does_not_matter():
    phases = {"main": [(0.0, Aspect.GREEN)], "other": [(0.0, Aspect.RED)]}
    assert run(crossing_at(5.0), phases=phases) == []


@pytest.mark.parametrize(
    "aspect", [Aspect.UNKNOWN, Aspect.DARK, Aspect.FLASHING_RED, Aspect.RED_YELLOW]
)
def test_only_a_steady_red_makes_a_violation(aspect):
    phases = {"main": [(0.0, Aspect.GREEN), (RED_AT_S, aspect)]}
    assert not violations(run(crossing_at(RED_AT_S + 3.0), phases=phases))


def test_green_before_the_second_line_is_logged_not_reported():
    phases = {"main": [*PHASES["main"], (RED_AT_S + 3.3, Aspect.GREEN)]}
    findings = run(crossing_at(RED_AT_S + 3.0), phases=phases)
    assert not violations(findings)
    assert near_misses(findings)


def test_a_red_that_may_have_ended_before_the_crossing_is_in_doubt():
    """Green was first seen at 9.5 s, the last red at 7.5 s: in between nobody knows."""
    phases = {"main": [*PHASES["main"], (9.5, Aspect.GREEN)]}
    findings = run(crossing_at(8.0), phases=phases, blind_s=(7.5, 9.5))
    assert not violations(findings)
    assert violations(run(crossing_at(8.0), phases=phases))


@pytest.mark.parametrize(("blind_until_s", "reported"), [(99.0, 0), (12.0, 1)])
def test_who_is_gone_before_it_is_settled_what_the_signal_showed_waits_for_it(
    blind_until_s, reported
):
    """A truck hides the lamp: it may have turned green at once, unless red is seen after it."""
    car = replace(crossing_at(8.0), end_s=9.5)
    findings = run(car, blind_s=(7.5, blind_until_s))
    assert len(violations(findings)) == reported
    assert [n.reason for n in near_misses(findings)] == ["red_at_latest_crossing"] * (1 - reported)


@pytest.mark.parametrize(
    ("front_s", "bound_s", "reported"),
    [(15.0, 1.0, True), (20.3, 1.0, False), (19.2, 1.0, False), (19.2, 0.1, True)],
)
def test_a_log_known_to_a_second_accuses_nobody_within_that_second(
    tmp_path, front_s, bound_s, reported
):
    """It turns green at 20 s by a clock that may be a second off, either way."""
    file = tmp_path / "log.csv"
    file.write_text(
        "time,group,aspect\n2024-05-01T10:00:05Z,main,red\n2024-05-01T10:00:20Z,main,green\n"
    )
    feed = Feed("main", load_feed(file, "main"))

    class Logged:
        def read(self, frame):
            return {"main": feed.read(frame.info)}

    start = CapturedAt(datetime(2024, 5, 1, 10, tzinfo=UTC), ClockSource.GIVEN, bound_s)
    fast = crossing_at(front_s, speed_mps=14.0)
    found = run(fast, signals=Logged(), began_at=start, seconds=26.0)
    assert bool(violations(found)) is reported
    for one in violations(found):
        assert one.measurement.red_since_s == pytest.approx(5.0 + bound_s)


def test_who_is_held_up_beyond_the_line_until_its_history_is_full_leaves_a_near_miss():
    path = through(1.75, (0, 2), (8.0, 25.0), (9.5, 30.0), (200, 30.1))
    findings = run(Vehicle(path), Road(beyond_m=20.0), seconds=95.0)
    assert [n.reason for n in near_misses(findings)] == ["passed_second_line"]


def test_what_was_seen_of_one_that_is_before_the_line_again_is_forgotten():
    passing = Passing(crossed=True, grounded_over=True, beyond_s=1.0, beyond_count=2)
    passing.turned = passing.postponed = True
    passing.is_before_again()
    assert passing == Passing()


def test_pedestrians_are_not_judged():
    assert not run(crossing_at(RED_AT_S + 3.0, speed_mps=1.5, road_user=RoadUser.PERSON))


@pytest.mark.parametrize(
    ("missed", "reason"), [(0.3, None), (0.7, "share_of_pictures_it_was_seen_in")]
)
def test_a_track_that_catches_a_box_now_and_then_is_logged_not_reported(missed, reason):
    findings = run(crossing_at(RED_AT_S + 3.0), missed=missed, fps=25.0)
    if reason is None:
        assert violations(findings)
    else:
        assert not violations(findings)
        assert reason in [n.reason for n in near_misses(findings)]


@pytest.mark.parametrize(("way", "stop_m"), [(1, STOP_M), (-1, 45.0)])
def test_a_motorcycle_of_which_only_the_rider_was_found_is_judged_by_its_speed(way, stop_m):
    road = Road(lanes=[("lane", 0.0, 3.5, way)], stop_y_m=stop_m)

    def at(speed_mps):
        path = straight(1.75, way * speed_mps, stop_m, RED_AT_S + 3.0)
        rider = Vehicle(path, RoadUser.MOTORCYCLE, (0.0, float(way)), called=RoadUser.PERSON)
        return run(rider, road, noise_px=0.5)

    (found,) = violations(at(10.0))
    assert found.road_user is RoadUser.MOTORCYCLE
    assert found.measurement.front_earliest_s <= RED_AT_S + 3.0
    assert at(4.0) == []


def test_a_track_that_catches_a_box_now_and_then_until_the_line_is_logged_not_reported():
    """As where a second track on one vehicle catches its parts, and takes it over beyond."""
    way = straight(1.75, 10.0, STOP_M, RED_AT_S + 3.0)

    def seen(t_s):
        is_caught = t_s > RED_AT_S + 3.5 or round(t_s * 25) % 4 == 0
        return way(t_s) if is_caught else (1.75, -50.0)

    found = run(Vehicle(seen))
    assert violations(found) == []
    assert [n.reason for n in near_misses(found)] == ["share_of_pictures_it_was_seen_in"]


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_vehicle_moving_200_px_a_frame_is_not_missed(calibrated):
    # 5 frames a second and 35 m/s: 7 m between frames, some 200 px near the line
    road = Road(calibrated=calibrated, near_m=10.0)
    vehicle = crossing_at(RED_AT_S + 2.0, speed_mps=35.0)
    found = violations(run(vehicle, road, fps=12.0))
    assert len(found) == 1


def test_a_bumper_on_the_line_for_half_an_hour_makes_nothing():
    # five pictures a second are enough to wobble 9,000 times
    phases = {
        "main": [
            (t, a)
            for c in range(60)
            for t, a in (
                (60.0 * c, Aspect.GREEN),
                (60.0 * c + 25, Aspect.YELLOW),
                (60.0 * c + 28, Aspect.RED),
            )
        ]
    }
    car = Vehicle(lambda t_s: (1.75, STOP_M))
    assert not violations(run(car, phases=phases, seconds=1800.0, fps=5.0, noise_px=2.0))


@settings(max_examples=25, deadline=None)
@given(
    into_red_s=st.floats(-3.0, 6.0),
    speed_mps=st.floats(5.0, 25.0),
    road_user=st.sampled_from([RoadUser.CAR, RoadUser.MOTORCYCLE, RoadUser.TRUCK, RoadUser.BUS]),
    calibrated=st.booleans(),
    noise_px=st.sampled_from([0.0, 1.0, 2.0]),
    fps=st.sampled_from([8.0, 15.0, 25.0]),
    seed=st.integers(0, 100),
)
def test_never_reported_before_its_time_and_never_charged_too_much(
    into_red_s, speed_mps, road_user, calibrated, noise_px, fps, seed
):
    vehicle = crossing_at(RED_AT_S + into_red_s, speed_mps, road_user=road_user)
    found = violations(
        run(vehicle, Road(calibrated=calibrated), noise_px=noise_px, fps=fps, seed=seed)
    )
    if into_red_s <= 0.3:
        assert not found
    for violation in found:
        m = violation.measurement
        assert isinstance(m, RedLightMeasurement)
        assert m.time_into_red_s <= into_red_s + 1e-6
        assert np.isfinite(m.front_earliest_s)
    light = road_user in (RoadUser.CAR, RoadUser.MOTORCYCLE)
    if into_red_s > 3.5 and light and calibrated and noise_px <= 1.0:
        assert len(found) == 1


def test_whose_bottom_leaves_the_calibrated_area_at_the_line_is_reported():
    """The area ends at the line; the road plane holds a little farther."""
    road = Road(lanes=[("down", 0.0, 3.5, -1)], stop_y_m=45.0, near_m=44.0, beyond_m=None)
    car = Vehicle(straight(1.75, -10.0, 45.0, RED_AT_S + 2.0), heading=(0.0, -1.0))
    (found,) = violations(run(car, road, noise_px=1.0))
    assert found.measurement.front_earliest_s <= RED_AT_S + 2.0


def test_who_is_first_seen_over_the_line_leaves_a_near_miss_if_red_showed():
    crossing_s = RED_AT_S + 3.0
    car = Vehicle(straight(1.75, 10.0, STOP_M, crossing_s), start_s=crossing_s + 0.8)
    findings = run(car)
    assert not violations(findings)
    assert [n.reason for n in near_misses(findings)] == ["seen_before_line"]
    assert run(car, phases={"main": [(0.0, Aspect.GREEN)]}) == []


def test_who_is_lost_too_near_before_the_line_to_stop_leaves_a_near_miss():
    crossing_s = RED_AT_S + 3.0
    car = Vehicle(straight(1.75, 10.0, STOP_M, crossing_s), end_s=crossing_s + 0.2)
    assert [n.reason for n in near_misses(run(car))] == ["crossing_seen"]
    stopping = through(1.75, (0.0, 5.0), (5.0, 12.0), (9.0, STOP_M - 4.0), (12.0, STOP_M - 4.0))
    assert run(Vehicle(stopping, end_s=7.5)) == []


def test_two_tracks_on_one_vehicle_report_it_once():
    """The detector gives two boxes on one motorcycle all along, the second a little lower."""
    crossing_s = RED_AT_S + 3.0
    first = crossing_at(crossing_s, road_user=RoadUser.MOTORCYCLE)
    second = Vehicle(straight(1.95, 10.0, STOP_M - 0.4, crossing_s), RoadUser.MOTORCYCLE)
    findings = run(first, others=[second])
    assert len(violations(findings)) <= 1
    apart = Vehicle(straight(1.95, 10.0, STOP_M - 6.0, crossing_s), RoadUser.MOTORCYCLE)
    assert len(violations(run(first, others=[apart]))) == 2
