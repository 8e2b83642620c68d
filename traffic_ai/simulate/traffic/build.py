"""From a scenario and a seed to a world: road, camera, signals, and everybody's course."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from traffic_ai.simulate.traffic.courses import course_of
from traffic_ai.simulate.traffic.deeds import DeedPlanner
from traffic_ai.simulate.traffic.drivers import DriverMaker, lawful_kmh
from traffic_ai.simulate.traffic.engine import Trail
from traffic_ai.simulate.traffic.lane_change import LaneChanger
from traffic_ai.simulate.traffic.layout import Layout
from traffic_ai.simulate.traffic.map import road_map_of
from traffic_ai.simulate.traffic.overlaps import apart, refuse_collisions
from traffic_ai.simulate.traffic.parking import parked_vehicles
from traffic_ai.simulate.traffic.roads import layout_of
from traffic_ai.simulate.traffic.schema import Scenario
from traffic_ai.simulate.traffic.script import scripted
from traffic_ai.simulate.traffic.signals import programs_of
from traffic_ai.simulate.traffic.staging import lawful_drivers, undisturbed_trails
from traffic_ai.simulate.traffic.view import camera_of, sway_of, timing_of
from traffic_ai.simulate.world import (
    Course,
    Look,
    Pole,
    RoadMap,
    SignalProgram,
    Vehicle,
    World,
)

# The simulation begins before the first frame, so that traffic is in full flow, and goes on after
# the last, so that what has begun there is still known.
_WARM_UP_S, _AFTER_S = 50.0, 4.0
_KEPT_S = 3.5


def make_world(scenario: Scenario, seed: int | None = None) -> World:
    """The world of a scenario; the scenario's own seed unless one is given.

    The same scenario and seed give the same world, bit for bit. Raises ConfigError where the
    scenario asks for what cannot be.
    """
    seed = scenario.seed if seed is None else seed
    chances = [np.random.default_rng([seed, number]) for number in range(5)]
    camera = camera_of(scenario.camera)
    layout = layout_of(scenario.road)
    kerb = scenario.traffic.parked > 0 or any(deed.deed == "park" for deed in scenario.deeds)
    road = road_map_of(scenario.road, layout, camera, kerb)
    timing = timing_of(scenario.timing, chances[0])
    last_s = float(timing.t_s[-1])
    until_s = last_s + _AFTER_S
    signals: tuple[SignalProgram, ...] = ()
    if scenario.road.kind == "junction":
        signals = programs_of(scenario.signals, -_WARM_UP_S, until_s)
    driven = _driven(scenario, layout, road, signals, chances[1:4], (-_WARM_UP_S, until_s))
    vehicles = _in_time(driven, last_s)
    refuse_collisions(vehicles, len(scenario.vehicles), last_s)
    look = scenario.look
    return World(
        name=scenario.name,
        seed=seed,
        road=road,
        camera=camera,
        timing=timing,
        vehicles=vehicles,
        signals=signals,
        look=Look(**look.model_dump()),
        poles=tuple(Pole(p.foot_m, p.height_m, p.width_m) for p in scenario.poles),
        sway=sway_of(scenario.sway, camera, until_s, chances[4]),
        signal_log=scenario.signals.read == "log",
        site=scenario.site,
    )


def _driven(
    scenario: Scenario,
    layout: Layout,
    road: RoadMap,
    signals: Sequence[SignalProgram],
    chances: Sequence[np.random.Generator],
    span_s: tuple[float, float],
) -> list[Vehicle]:
    """Everybody on the road, each to the end of its course."""
    traffic = scenario.traffic
    speed_kmh = traffic.speed_kmh or lawful_kmh(scenario.road.limit_kmh)
    makers = [DriverMaker(one, traffic.mix, speed_kmh, traffic.headway_s) for one in chances]
    lawful = list(lawful_drivers(traffic, layout, makers[0], chances[0], *span_s))
    planner = DeedPlanner(
        layout,
        road,
        signals,
        makers[1],
        chances[1],
        scenario.timing.duration_s,
        scenario.road.limit_kmh,
    )
    plan = planner.plan(scenario.deeds)
    actors = [*scripted(scenario.vehicles, layout), *plan.drivers]
    kept = [one for one in lawful if not any(c.hits(one) for c in plan.clearances)]
    for number, driver in enumerate([*actors, *kept], start=1):
        driver.id = number
    changer = LaneChanger(layout) if traffic.lane_changes else None
    trails = undisturbed_trails(layout, signals, changer, [*actors, *kept], *span_s)
    parked = parked_vehicles(traffic.parked, layout, road, makers[2], chances[2], span_s)
    everybody = [*(_vehicle(trail) for trail in trails), *parked]
    return apart(everybody, {one.id for one in actors})


def _vehicle(trail: Trail) -> Vehicle:
    driver = trail.driver
    course = course_of(
        driver.way.path,
        driver.body,
        trail.t_s,
        trail.places_m,
        trail.speeds_mps,
        driver.right_m,
        driver.shifts,
    )
    return Vehicle(driver.id, driver.body, course, driver.lane.id, driver.deed)


def _in_time(vehicles: Sequence[Vehicle], last_s: float) -> tuple[Vehicle, ...]:
    """Those on the road while it is filmed, their courses cut to that time and a little more."""
    found = []
    for vehicle in vehicles:
        t_s = vehicle.course.t_s
        if t_s[-1] < 0.0 or t_s[0] > last_s:
            continue
        if len(t_s) > 2:
            kept = slice(
                max(int(np.searchsorted(t_s, -_KEPT_S)) - 1, 0),
                int(np.searchsorted(t_s, last_s + _KEPT_S)) + 1,
            )
            course = vehicle.course
            course = Course(
                t_s[kept],
                course.middle_m[kept],
                course.velocity_mps[kept],
                course.heading_rad[kept],
            )
            vehicle = replace(vehicle, course=course)
        found.append(vehicle)
    return tuple(found)
