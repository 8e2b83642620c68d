"""Staging: who comes in where, and that those with a deed find the road they need."""

from collections.abc import Iterator, Sequence

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.conduct import Timed
from traffic_ai.simulate.traffic.drivers import Driver, DriverMaker, entry_times_s
from traffic_ai.simulate.traffic.engine import STEP_S, Engine, Trail, crossing_s
from traffic_ai.simulate.traffic.lane_change import LaneChanger
from traffic_ai.simulate.traffic.layout import LaneLine, Layout, Turn, Way
from traffic_ai.simulate.traffic.schema import TrafficPart
from traffic_ai.simulate.world import SignalProgram

# A driver timed to cross at a moment may be this late or early; whoever was that close before it
# stood in its way.
_LATE_S, _BLOCKED_S = 0.3, 8.0
# Others with a deed at the line get near it within this time.
_AT_LINE_M, _WAITED_S = 5.0, 6.0
_ATTEMPTS = 6
# Who drives slower than this share of what it wants is held up, by one no farther to the side.
_HELD_UP_SHARE, _BESIDE_M = 0.97, 3.4


def lawful_drivers(
    traffic: TrafficPart,
    layout: Layout,
    maker: DriverMaker,
    chance: np.random.Generator,
    from_s: float,
    until_s: float,
) -> Iterator[Driver]:
    """Everybody who comes in on every lane."""
    for lane in layout.lanes.values():
        flow_per_h = traffic.flow_cross_per_h
        if lane.main:
            flow_per_h = traffic.flow_back_per_h if lane.turned else traffic.flow_per_h
        for enters_s in entry_times_s(chance, flow_per_h, traffic.platoons, from_s, until_s):
            yield maker.driver(lane, _way(traffic, lane, chance), enters_s)


def _way(traffic: TrafficPart, lane: LaneLine, chance: np.random.Generator) -> Way:
    """Straight on, or a turn where the lane has one."""
    number = chance.uniform()
    if Turn.LEFT in lane.ways and number < traffic.turns.left:
        return lane.ways[Turn.LEFT]
    if Turn.RIGHT in lane.ways and number >= 1.0 - traffic.turns.right:
        return lane.ways[Turn.RIGHT]
    return lane.ways[Turn.THROUGH]


def undisturbed_trails(
    layout: Layout,
    signals: Sequence[SignalProgram],
    changer: LaneChanger | None,
    drivers: Sequence[Driver],
    from_s: float,
    until_s: float,
) -> list[Trail]:
    """The trails; run again without those who kept a driver from its deed.

    Raises ConfigError where a deed cannot be done whoever is left out.
    """
    for _ in range(_ATTEMPTS):
        fresh = [one.afresh() for one in drivers]
        trails = Engine(layout, signals, changer).run(fresh, from_s, until_s)
        hindered = _hindered(trails)
        blockers = {number for _, numbers in hindered for number in numbers}
        if not blockers:
            break
        drivers = [one for one in drivers if one.id not in blockers]
    if hindered:
        raise _not_done(hindered[0][0])
    return trails


def _hindered(trails: Sequence[Trail]) -> list[tuple[Driver, set[int]]]:
    """Drivers whose deed was not done in time or at speed, and lawful ones who kept them from it.

    Of those who speed only who was held up by a lawful one.
    """
    found = []
    for trail in trails:
        driver, line_m = trail.driver, trail.driver.way.line_m
        if driver.due_s is not None and line_m is not None:
            timed = isinstance(driver.conduct, Timed)
            there_s = crossing_s(trail, line_m if timed else line_m - _AT_LINE_M)
            late_s = _LATE_S if timed else _WAITED_S
            if there_s is None or abs(there_s - driver.due_s) > late_s:
                found.append((driver, _before(trail, trails, driver.due_s)))
        elif driver.deed == "speeding":
            ahead = _held_up_by(trail, trails)
            if ahead:
                found.append((driver, ahead))
    return found


def _not_done(driver: Driver) -> ConfigError:
    when = "" if driver.due_s is None else f" at {driver.due_s:.1f} s"
    return ConfigError(
        f"{driver.deed} in {driver.lane.id}{when} cannot be done: others are in its way; give less "
        "traffic.flow_per_h, another seed, or another lane or at_s"
    )


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
