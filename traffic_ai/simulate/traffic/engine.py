"""The simulation: all drivers step by step, each with its leader, its signal and its orders.

Places are those of the middle of a vehicle's rectangle along its way. Steps are of even
acceleration, so place and speed belong together.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.traffic import idm
from traffic_ai.simulate.traffic.conduct import FAR_M, Sight
from traffic_ai.simulate.traffic.drivers import Driver
from traffic_ai.simulate.traffic.fleet import Fleet
from traffic_ai.simulate.traffic.give_way import GiveWay
from traffic_ai.simulate.traffic.lane_change import LaneChanger
from traffic_ai.simulate.traffic.layout import Layout
from traffic_ai.simulate.world import SignalProgram

STEP_S = 0.05
# Free space beside a vehicle that its followers count as its own.
_BESIDE_M = 0.3
_SIGHT_M = 150.0
# Vehicles that cross the way at more than this angle are no leaders, unless they stand.
_CROSSING = 0.4
_STANDS_MPS = 0.5
# Decelerations a driver accepts at yellow, and the hardest one at red.
_YELLOW_MPS2, _RED_MPS2 = 3.0, 6.5
_FOLLOW_S = 0.5
_HARDEST_PULL_MPS2 = 2.5
# A vehicle at rest stays so until it is free to pull away this hard.
_SET_OFF_MPS2 = 0.25
_REST_MPS = 0.12
# Braking for a place to stop at begins at this share of comfortable braking.
_BRAKING_SHARE = 0.75
_THERE_M = 0.4
_STOPS = frozenset({Aspect.RED, Aspect.RED_YELLOW, Aspect.FLASHING_RED})


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """A driver's places (T,) and speeds (T,) along its way, STEP_S apart from start_s on."""

    driver: Driver
    start_s: float
    places_m: Floats
    speeds_mps: Floats

    @property
    def t_s(self) -> Floats:
        """Moments (T,)."""
        return self.start_s + STEP_S * np.arange(len(self.places_m))


class Engine:
    """Runs drivers along their ways."""

    def __init__(
        self,
        layout: Layout,
        signals: Sequence[SignalProgram],
        lane_changes: LaneChanger | None = None,
    ) -> None:
        self._signals = {program.group_id: program for program in signals}
        self._fleet = Fleet(layout.ways)
        self._give_way = GiveWay(layout.ways)
        self._lane_changes = lane_changes
        self._backing: Bools = np.zeros(0, bool)
        self._waiting: dict[str, deque[Driver]] = defaultdict(deque)
        self._records: dict[int, tuple[Driver, float, list[float], list[float]]] = {}

    def run(self, drivers: Sequence[Driver], from_s: float, until_s: float) -> list[Trail]:
        """The trails of all drivers who got onto the road."""
        for driver in sorted(drivers, key=lambda one: (one.enters_s, one.id)):
            self._waiting[driver.lane.id].append(driver)
        for number in range(int(np.ceil((until_s - from_s) / STEP_S))):
            t_s = round(from_s + number * STEP_S, 6)
            self._enter(t_s)
            if len(self._fleet):
                self._step(t_s, number)
        return [
            Trail(driver, start_s, np.array(places), np.array(speeds))
            for driver, start_s, places, speeds in self._records.values()
            if len(places) > 1
        ]

    # -- coming and going ---------------------------------------------------------------------

    def _enter(self, t_s: float) -> None:
        for queue in self._waiting.values():
            while queue and queue[0].enters_s <= t_s:
                speed_mps = self._entry_speed_mps(queue[0])
                if speed_mps is None:
                    break
                driver = queue.popleft()
                self._fleet.add(driver, speed_mps)
                self._fleet.follow_scripts(t_s)
                self._records[driver.id] = (driver, t_s, [], [])

    def _entry_speed_mps(self, driver: Driver) -> float | None:
        """How fast it may come in, None while there is no room."""
        fleet = self._fleet
        wanted = driver.wanted_mps
        if not len(fleet):
            return wanted
        points_m, _ = fleet.placed()
        along_m, right_m = driver.way.path.project(points_m)
        room_m = along_m - driver.from_m - fleet.half_length_m
        beside = np.abs(right_m - driver.right_m) < (
            fleet.half_width_m + driver.body.width_m / 2 + _BESIDE_M
        )
        ahead = beside & (along_m > driver.from_m - 2.0) & (room_m < _SIGHT_M)
        if not ahead.any() or not driver.is_lawful:
            return wanted
        nearest = int(np.flatnonzero(ahead)[np.argmin(room_m[ahead])])
        gap_m = float(room_m[nearest]) - driver.standstill_m
        if gap_m < 1.0:
            return None
        leader_mps = max(float(fleet.speed_mps[nearest]), 0.0)
        safe_mps = float(np.sqrt(leader_mps**2 + 2 * driver.braking_mps2 * gap_m))
        return min(wanted, safe_mps, leader_mps + gap_m / driver.headway_s)

    def _record(self) -> None:
        fleet = self._fleet
        for driver, place_m, speed_mps in zip(
            fleet.drivers, fleet.place_m.tolist(), fleet.speed_mps.tolist(), strict=True
        ):
            record = self._records[driver.id]
            record[2].append(place_m)
            record[3].append(speed_mps)

    # -- one step -----------------------------------------------------------------------------

    def _step(self, t_s: float, number: int) -> None:
        fleet = self._fleet
        self._record()
        points_m, headings = fleet.placed()
        along_m, right_m, way_heading = fleet.seen_from_ways(points_m)
        leader, gap_m, closing_mps = self._leaders(along_m, right_m, headings - way_heading)
        stop_m, open_line, drive_mps = self._at_lines(t_s)
        yield_m = self._give_way.stops_m(fleet, open_line)
        stop_m = np.minimum(stop_m, yield_m - fleet.front_m)
        acceleration = self._accelerations(leader, gap_m, closing_mps, stop_m, drive_mps)
        if self._lane_changes is not None and number % 10 == 0:
            self._lane_changes.change(fleet, along_m, right_m, acceleration)
        self._integrate(acceleration)
        fleet.follow_scripts(t_s + STEP_S)
        fleet.drop(fleet.place_m > fleet.end_m)

    def _leaders(
        self, along_m: Floats, right_m: Floats, turn: Floats
    ) -> tuple[Bools, Floats, Floats]:
        """Whether each has a leader, the gap to it, and how fast that closes.

        turn (N, N): by how much each other is turned from the way at its place.
        """
        fleet = self._fleet
        cosine, sine = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        reach_m = fleet.half_length_m * cosine + fleet.half_width_m * sine
        spread_m = fleet.half_width_m * cosine + fleet.half_length_m * sine
        now_m, final_m = fleet.right_m, fleet.final_right_m
        change_m = final_m - now_m
        apart_m = np.minimum.reduce(
            [
                np.abs(right_m - now_m[:, None]),
                np.abs(right_m - final_m[:, None]),
                np.abs(right_m + change_m[None, :] * np.sign(np.cos(turn)) - now_m[:, None]),
            ]
        )
        ahead_m = along_m - fleet.place_m[:, None]
        passes = (cosine > _CROSSING) | (np.abs(fleet.speed_mps) < _STANDS_MPS)[None, :]
        leads = (
            (ahead_m > 0.0)
            & (ahead_m < _SIGHT_M)
            & (apart_m < fleet.half_width_m[:, None] + spread_m + _BESIDE_M)
            & passes
        )
        np.fill_diagonal(leads, False)
        gaps = ahead_m - reach_m - fleet.half_length_m[:, None] - fleet.keep_m[None, :]
        gaps = np.where(leads, gaps, np.inf)
        nearest = np.argmin(gaps, axis=1)
        rows = np.arange(len(fleet))
        closing = fleet.speed_mps - fleet.speed_mps[nearest] * np.cos(turn[rows, nearest])
        return leads.any(axis=1) & ~fleet.blind, gaps[rows, nearest], closing

    def _at_lines(self, t_s: float) -> tuple[Floats, Bools, Floats]:
        """How far ahead each must stop for its signal or orders, whether its line is open to it,
        and the speed it is ordered to drive (NaN for none).
        """
        fleet = self._fleet
        count = len(fleet)
        stop_m, drive_mps = np.full(count, np.inf), np.full(count, np.nan)
        to_line_m = fleet.line_m - fleet.front_m
        green = np.ones(count, bool)
        for group_id, program in self._signals.items():
            aspect = program.phase_at(t_s)
            own = fleet.is_of_group(group_id)
            if aspect.aspect is Aspect.YELLOW:
                fleet.choose_at_yellow(own & (to_line_m > 0), aspect.start_s, _YELLOW_MPS2)
                green &= ~own
            elif aspect.aspect in _STOPS:
                fleet.choose_at_yellow(own & (to_line_m > 0), aspect.start_s - 1e-3, _RED_MPS2)
                green &= ~own
            else:
                fleet.forget_choice(own)
        closed = ~green & (to_line_m > 0) & ~fleet.goes & fleet.obeys
        stop_m[closed] = (to_line_m - fleet.line_gap_m)[closed]
        for i in fleet.ordered:
            driver = fleet.drivers[i]
            line_m = float(fleet.line_m[i]) if to_line_m[i] > 0 else FAR_M
            front_m = float(fleet.front_m[i])
            sight = Sight(t_s, front_m, float(fleet.speed_mps[i]), line_m, bool(green[i]))
            orders = driver.conduct.orders(sight)
            fleet.obeys[i] = driver.conduct.obeys_line
            if orders is not None:
                stop_m[i] = min(stop_m[i], orders.stop_m - front_m)
                drive_mps[i] = np.nan if orders.drive_mps is None else orders.drive_mps
        return stop_m, ~closed, drive_mps

    def _accelerations(
        self,
        leader: Bools,
        gap_m: Floats,
        closing_mps: Floats,
        stop_m: Floats,
        drive_mps: Floats,
    ) -> Floats:
        fleet, temper = self._fleet, self._fleet.temper
        speed = fleet.speed_mps
        ordered = ~np.isnan(drive_mps)
        wanted = np.minimum(fleet.wanted_mps, fleet.bend_mps())
        wish = idm.free_mps2(speed, wanted, temper)
        followed = np.clip((drive_mps - speed) / _FOLLOW_S, -_HARDEST_PULL_MPS2, _HARDEST_PULL_MPS2)
        wish = np.where(ordered, followed, wish)
        held = np.where(leader, idm.interaction_mps2(speed, gap_m, closing_mps, temper), 0.0)
        found = wish + held
        # Toward a place to stop at all brake evenly, so that the front ends there; who stands
        # there stays.
        ahead_m = np.maximum(stop_m, 0.01)
        needed = np.where(speed > 0.0, speed**2 / (2 * ahead_m), 0.0)
        brakes = needed > _BRAKING_SHARE * temper.braking_mps2
        found = np.where(brakes, np.minimum(found, -needed), found)
        there = (stop_m < _THERE_M) & (speed < _REST_MPS)
        found = np.where(there, np.minimum(found, 0.0), found)
        backing = ordered & (drive_mps < 0)
        found = np.where(backing, followed, found)
        rolling = ~backing & (speed < 0.0)
        found = np.where(rolling, np.minimum(-speed / STEP_S, _HARDEST_PULL_MPS2), found)
        self._backing = backing
        return np.asarray(np.clip(found, -idm.HARDEST_BRAKING_MPS2, None))

    def _integrate(self, acceleration: Floats) -> None:
        """One step; who would roll back without being told to comes to rest."""
        fleet = self._fleet
        speed: Floats = fleet.speed_mps
        forward = ~self._backing & (speed >= 0.0)
        resting = forward & (speed < _REST_MPS) & (acceleration < _SET_OFF_MPS2)
        acceleration = np.where(resting, -speed / STEP_S, acceleration)
        after = speed + acceleration * STEP_S
        stops = forward & (after < 0.0)
        braking = np.where(stops, acceleration, -1.0)
        whole_m = speed * STEP_S + 0.5 * acceleration * STEP_S**2
        moved = np.where(stops, speed**2 / (-2.0 * braking), whole_m)
        fleet.place_m = fleet.place_m + moved
        fleet.speed_mps = np.where(stops, 0.0, after)
        fleet.acceleration_mps2 = acceleration


def crossing_s(trail: Trail, front_at_m: float) -> float | None:
    """When a driver's front first passes a place along its way, None if never."""
    front_m = trail.places_m + trail.driver.body.length_m / 2
    past = np.flatnonzero(front_m >= front_at_m)
    if len(past) == 0 or past[0] == 0:
        return None
    i = int(past[0])
    share = (front_at_m - front_m[i - 1]) / (front_m[i] - front_m[i - 1])
    return float(trail.t_s[i - 1] + share * STEP_S)
