"""From a scenario and a seed to a world: road, camera, signals, and everybody's course."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.conduct import Timed
from traffic_ai.simulate.traffic.courses import course_of, standing
from traffic_ai.simulate.traffic.deeds import DeedPlanner
from traffic_ai.simulate.traffic.drivers import (
    Driver,
    DriverMaker,
    entry_times_s,
    lawful_kmh,
)
from traffic_ai.simulate.traffic.engine import STEP_S, Engine, Trail, crossing_s
from traffic_ai.simulate.traffic.lane_change import LaneChanger
from traffic_ai.simulate.traffic.layout import LaneLine, Layout, Turn, Way
from traffic_ai.simulate.traffic.map import road_map_of
from traffic_ai.simulate.traffic.overlaps import overlaps
from traffic_ai.simulate.traffic.roads import EDGE_M, layout_of
from traffic_ai.simulate.traffic.schema import Scenario, TrafficPart
from traffic_ai.simulate.traffic.script import scripted
from traffic_ai.simulate.traffic.signals import programs_of
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
_KERB_GAP_M = 0.2
_PARKING_PITCH_M, _PARKING_OFF_LINE_M = 7.5, 32.0
_PARKED_FROM = 1_000_000
# A driver timed to cross at a moment may be this late or early; whoever was that close before it
# stood in its way.
_LATE_S, _BLOCKED_S = 0.3, 8.0
# Others with a deed at the line get near it within this time.
_AT_LINE_M, _WAITED_S = 5.0, 6.0
_ATTEMPTS = 6
# Who drives slower than this share of what it wants is held up, by one no farther to the side.
_HELD_UP_SHARE, _BESIDE_M = 0.97, 3.4


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
    until_s = float(timing.t_s[-1]) + _AFTER_S
    signals: tuple[SignalProgram, ...] = ()
    if scenario.road.kind == "junction":
        signals = programs_of(scenario.signals, -_WARM_UP_S, until_s)
    vehicles = _vehicles(scenario, layout, road, signals, chances[1:4], until_s)
    look = scenario.look
    return World(
        name=scenario.name,
        seed=seed,
        road=road,
        camera=camera,
        timing=timing,
        vehicles=_in_time(vehicles, float(timing.t_s[-1])),
        signals=signals,
        look=Look(**look.model_dump()),
        poles=tuple(Pole(p.foot_m, p.height_m, p.width_m) for p in scenario.poles),
        sway=sway_of(scenario.sway, camera, until_s, chances[4]),
        signal_log=scenario.signals.read == "log",
        site=scenario.site,
    )


def _vehicles(
    scenario: Scenario,
    layout: Layout,
    road: RoadMap,
    signals: Sequence[SignalProgram],
    chances: Sequence[np.random.Generator],
    until_s: float,
) -> list[Vehicle]:
    traffic = scenario.traffic
    speed_kmh = traffic.speed_kmh or lawful_kmh(scenario.road.limit_kmh)
    makers = [DriverMaker(one, traffic.mix, speed_kmh, traffic.headway_s) for one in chances]
    lawful = list(_lawful(traffic, layout, makers[0], chances[0], until_s))
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
    trails = _undisturbed(layout, signals, changer, [*actors, *kept], until_s)
    parked = _parked(traffic, layout, road, makers[2], chances[2], until_s)
    everybody = [*(_vehicle(trail) for trail in trails), *parked]
    return _apart(everybody, {one.id for one in actors})


def _lawful(
    traffic: TrafficPart,
    layout: Layout,
    maker: DriverMaker,
    chance: np.random.Generator,
    until_s: float,
) -> Iterator[Driver]:
    """Everybody who comes in on every lane."""
    for lane in layout.lanes.values():
        flow_per_h = traffic.flow_cross_per_h
        if lane.main:
            flow_per_h = traffic.flow_back_per_h if lane.turned else traffic.flow_per_h
        for enters_s in entry_times_s(chance, flow_per_h, traffic.platoons, -_WARM_UP_S, until_s):
            yield maker.driver(lane, _way(traffic, lane, chance), enters_s)


def _way(traffic: TrafficPart, lane: LaneLine, chance: np.random.Generator) -> Way:
    """Straight on, or a turn where the lane has one."""
    number = chance.uniform()
    if Turn.LEFT in lane.ways and number < traffic.turns.left:
        return lane.ways[Turn.LEFT]
    if Turn.RIGHT in lane.ways and number >= 1.0 - traffic.turns.right:
        return lane.ways[Turn.RIGHT]
    return lane.ways[Turn.THROUGH]


def _undisturbed(
    layout: Layout,
    signals: Sequence[SignalProgram],
    changer: LaneChanger | None,
    drivers: Sequence[Driver],
    until_s: float,
) -> list[Trail]:
    """The trails; run again without those who kept a driver from crossing at its time."""
    for _ in range(_ATTEMPTS):
        fresh = [one.afresh() for one in drivers]
        trails = Engine(layout, signals, changer).run(fresh, -_WARM_UP_S, until_s)
        blockers = _blockers(trails)
        if not blockers:
            break
        drivers = [one for one in drivers if one.id not in blockers]
    return trails


def _blockers(trails: Sequence[Trail]) -> set[int]:
    """Lawful drivers who kept one with a deed from its time or its speed."""
    found: set[int] = set()
    for trail in trails:
        due_s, line_m = trail.driver.due_s, trail.driver.way.line_m
        if due_s is not None and line_m is not None:
            timed = isinstance(trail.driver.conduct, Timed)
            there_s = crossing_s(trail, line_m if timed else line_m - _AT_LINE_M)
            if there_s is None or abs(there_s - due_s) > (_LATE_S if timed else _WAITED_S):
                found |= _before(trail, trails, due_s)
        elif trail.driver.deed == "speeding":
            found |= _held_up_by(trail, trails)
    return found


def _before(trail: Trail, trails: Sequence[Trail], crosses_s: float) -> set[int]:
    """Lawful drivers who came before one in its lane, and crossed just before its time or never."""
    found: set[int] = set()
    for other in trails:
        line_m = other.driver.way.line_m
        if other.driver.lane.id != trail.driver.lane.id or not other.driver.is_lawful:
            continue
        other_s = crossing_s(other, line_m) if line_m is not None else None
        before = other.start_s < trail.start_s
        if before and (other_s is None or other_s > crosses_s - _BLOCKED_S):
            found.add(other.driver.id)
    return found


def _held_up_by(trail: Trail, trails: Sequence[Trail]) -> set[int]:
    """The lawful driver right ahead of one where it first had to brake."""
    slow = np.flatnonzero(trail.speeds_mps < _HELD_UP_SHARE * trail.driver.wanted_mps)
    if len(slow) == 0:
        return set()
    at_s, place_m = float(trail.t_s[slow[0]]), float(trail.places_m[slow[0]])
    right_m = trail.driver.right_of_road_m(place_m)
    ahead = []
    for other in trails:
        number = round((at_s - other.start_s) / STEP_S)
        same_way = trail.driver.lane.is_beside(other.driver.lane)
        if not other.driver.is_lawful or not same_way or not 0 <= number < len(other.places_m):
            continue
        other_m = float(other.places_m[number])
        beside_m = other.driver.right_of_road_m(other_m) - right_m
        if other_m > place_m and abs(beside_m) < _BESIDE_M:
            ahead.append((other_m, other.driver.id))
    return {min(ahead)[1]} if ahead else set()


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


def _apart(vehicles: Sequence[Vehicle], actors: Collection[int]) -> list[Vehicle]:
    """Without lawful vehicles that a driver with a deed would have run into."""
    gone: set[int] = set()
    for one, other in overlaps(vehicles):
        if one not in gone and other not in gone:
            lawful = [number for number in (other, one) if number not in actors]
            gone.update(lawful[:1])
    return [vehicle for vehicle in vehicles if vehicle.id not in gone]


def _parked(
    traffic: TrafficPart,
    layout: Layout,
    road: RoadMap,
    maker: DriverMaker,
    chance: np.random.Generator,
    until_s: float,
) -> list[Vehicle]:
    """Vehicles at the kerb beside the watched stretch, clear of the junction."""
    kerbs = [lane for lane in layout.lanes.values() if lane.main and _is_outermost(lane)]
    free = [
        (lane, float(place_m))
        for lane in kerbs
        for place_m in np.arange(*_stretch_m(lane, road), _PARKING_PITCH_M)
        if all(
            abs(place_m - way.line_m) > _PARKING_OFF_LINE_M
            for way in lane.ways.values()
            if way.line_m is not None
        )
    ]
    if traffic.parked > len(free):
        raise ConfigError(
            f"traffic.parked {traffic.parked} vehicles find no room at the kerb of the watched "
            f"stretch; there is room for {len(free)}"
        )
    found = []
    for number, i in enumerate(chance.permutation(len(free))[: traffic.parked].tolist()):
        lane, place_m = free[i]
        driver = maker.driver(lane, lane.ways[Turn.THROUGH], 0.0, "car")
        place = np.array([place_m])
        heading = lane.path.headings(place)
        right = np.stack([np.cos(heading), -np.sin(heading)], axis=-1)
        beside_m = lane.kerb_m + EDGE_M + _KERB_GAP_M + driver.body.width_m / 2
        middle_m = (lane.path.points(place) + beside_m * right)[0]
        course = standing(driver.body, middle_m, float(heading[0]), -_WARM_UP_S, until_s)
        found.append(Vehicle(_PARKED_FROM + number, driver.body, course, lane.id, "parked"))
    return found


def _is_outermost(lane: LaneLine) -> bool:
    return all(right_m < 0 for right_m in lane.neighbours.values())


def _stretch_m(lane: LaneLine, road: RoadMap) -> tuple[float, float]:
    """The watched stretch of a lane along its path."""
    ends_m = lane.path.project(road.lane(lane.id).centre_m[[0, -1]])[0]
    return float(ends_m[0]), float(ends_m[1])


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
