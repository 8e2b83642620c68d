"""Planning deeds: which driver does what, when, and who keeps out of the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.traffic.conduct import (
    Conduct,
    Oncoming,
    Park,
    Reverse,
    StopBeyond,
    Timed,
    TurnOnRed,
    Unstoppable,
)
from traffic_ai.simulate.traffic.drivers import Driver, DriverMaker
from traffic_ai.simulate.traffic.layout import LaneLine, Layout, Turn, Way
from traffic_ai.simulate.traffic.roads import EDGE_M
from traffic_ai.simulate.traffic.schema import SIGNAL_DEEDS, DeedPart
from traffic_ai.simulate.traffic.signals import red_spells_s
from traffic_ai.simulate.traffic.speeders import DARING, fast_enough, speeding_kmh
from traffic_ai.simulate.traffic.values import Range, drawn
from traffic_ai.simulate.world import Phase, RoadMap, SignalProgram

# Where deeds that need no signal happen, as shares of the watched stretch.
_PLACE_SHARES = (0.35, 0.65)
# Deeds begin so long after the first frame and are over so long before the last.
_HEAD_S, _TAIL_S = 2.5, 5.0
_CLEAR_BEFORE_S, _CLEAR_AFTER_S = 4.0, 2.0
_KERB_GAP_M = 0.2
# Who drives the wrong way comes in and leaves so far from the watched stretch: where a camera
# sees far, and behind it.
_FAR_M, _NEAR_M = 60.0, 30.0
# Drivers with deeds pass the line on a green that has lasted so long, when the queue has gone.
_GREEN_S = 7.0
_TRIALS = 60
_FIRST = SIGNAL_DEEDS | {"reverse"}


@dataclass(frozen=True, slots=True)
class Clearance:
    """A time in which no lawful driver of a lane may be at a place along it."""

    lane_id: str
    place_m: float
    from_s: float
    until_s: float

    def hits(self, driver: Driver) -> bool:
        """Whether a driver, unhindered, would be there then."""
        place_m = self.place_m
        if driver.way.turn is Turn.WRONG_WAY:
            place_m = driver.way.path.length_m - place_m
        at_s = driver.enters_s + (place_m - driver.from_m) / driver.wanted_mps
        return driver.lane.id == self.lane_id and self.from_s <= at_s <= self.until_s


@dataclass(frozen=True, slots=True)
class Plan:
    """Drivers with deeds, and the room they need."""

    drivers: tuple[Driver, ...]
    clearances: tuple[Clearance, ...]


class DeedPlanner:
    """Plans the deeds of a scenario one after the other."""

    def __init__(
        self,
        layout: Layout,
        road: RoadMap,
        signals: Sequence[SignalProgram],
        maker: DriverMaker,
        chance: np.random.Generator,
        duration_s: float,
        limit_kmh: float | None,
    ) -> None:
        self._layout, self._road = layout, road
        self._maker, self._chance = maker, chance
        self._duration_s, self._limit_kmh = duration_s, limit_kmh
        self._spells: Mapping[str, list[tuple[float, float, float]]] = {
            program.group_id: red_spells_s(program) for program in signals
        }
        self._programs = {program.group_id: program for program in signals}
        self._taken: set[tuple[str, float]] = set()
        self._drivers: list[Driver] = []
        self._clearances: list[Clearance] = []

    def plan(self, deeds: Sequence[DeedPart]) -> Plan:
        """Raises ConfigError where a deed has no place or no time."""
        # Those bound to a red first: the others find room around them.
        for deed in sorted(deeds, key=lambda one: one.deed not in _FIRST):
            self._check_moments(deed)
            lanes = self._lanes(deed)
            at_line = deed.deed in SIGNAL_DEEDS or (
                deed.deed == "reverse" and self._road.stop_lines
            )
            if at_line:
                self._at_signal(deed, lanes)
            else:
                self._anywhere(deed, lanes)
        return Plan(tuple(self._drivers), tuple(self._clearances))

    def _check_moments(self, deed: DeedPart) -> None:
        late_s = max(deed.at_s, default=0.0)
        if late_s > self._duration_s:
            raise ConfigError(
                f"{deed.deed}: at_s {late_s:g} is after the end of the video at "
                f"{self._duration_s:g} s; give an earlier moment or lengthen timing.duration_s"
            )

    def _lanes(self, deed: DeedPart) -> list[LaneLine]:
        """The lanes a deed may happen in."""
        at_line = {lane for line in self._road.stop_lines for lane in line.lane_ids}
        watched = {lane.id for lane in self._road.lanes if lane.watched}
        signalled = deed.deed in SIGNAL_DEEDS or (deed.deed == "reverse" and bool(at_line))
        usable = at_line if signalled else watched
        if deed.deed in SIGNAL_DEEDS and not at_line:
            raise ConfigError(
                f"{deed.deed} needs a stop line with a signal, and road.kind is "
                f"{self._layout.kind}; choose junction or leave the deed out"
            )
        if deed.lane is not None:
            if deed.lane not in usable:
                raise ConfigError(
                    f"no lane {deed.lane!r} for {deed.deed}; there are {', '.join(sorted(usable))}"
                )
            usable = {deed.lane}
        found = [lane for lane in self._layout.lanes.values() if lane.id in usable]
        if deed.deed == "uturn" and self._layout.kind == "curve":
            raise ConfigError(
                "uturn needs a junction or a straight road, and road.kind is curve; choose one of "
                "them or leave the deed out"
            )
        if deed.deed == "speeding":
            found = fast_enough(found, deed.speed_kmh, self._limit_kmh)
        turn = {"turn_on_red": Turn.RIGHT, "uturn": Turn.UTURN}.get(deed.deed)
        if turn is not None:
            found = [lane for lane in found if turn in lane.ways]
            if not found:
                raise ConfigError(
                    f"{deed.deed} leads nowhere from {deed.lane or 'any lane'}: no lane to turn "
                    "into is wide enough apart; give the other direction more lanes or choose "
                    "another lane"
                )
        if deed.deed == "change_lane":
            found = [lane for lane in found if lane.neighbours]
            if not found:
                raise ConfigError("change_lane needs two lanes of one direction; set road.lanes: 2")
        return found

    # -- at the signal ------------------------------------------------------------------------

    def _at_signal(self, deed: DeedPart, lanes: Sequence[LaneLine]) -> None:
        for number in range(deed.times):
            wanted_s = deed.at_s[number] if deed.at_s else None
            lane, spell, into_s = self._slot(deed, lanes, wanted_s)
            self._taken.add((lane.id, spell[1]))
            onset_s = spell[0] if deed.deed == "run_yellow" else spell[1]
            self._add_at_signal(deed, lane, spell, onset_s + into_s)

    def _slot(
        self, deed: DeedPart, lanes: Sequence[LaneLine], wanted_s: float | None
    ) -> tuple[LaneLine, tuple[float, float, float], float]:
        """A lane and a red in which nobody else does anything, and how far into it."""
        into_s = drawn(self._chance, self._into_s(deed))
        free = []
        for lane in lanes:
            group = lane.ways[Turn.THROUGH].group_id or ""
            for spell in self._spells.get(group, ()):
                onset_s = spell[0] if deed.deed == "run_yellow" else spell[1]
                ends_s = spell[1] if deed.deed == "run_yellow" else spell[2]
                at_s = onset_s + into_s
                fits = _HEAD_S < at_s < min(ends_s - 0.2, self._duration_s - _TAIL_S)
                if fits and (lane.id, spell[1]) not in self._taken:
                    free.append((lane, spell))
        if not free:
            raise ConfigError(
                f"{deed.times} x {deed.deed} do not fit: each needs a red of its own, "
                f"{into_s:.1f} s long at least, in one of {len(lanes)} lanes within "
                f"{self._duration_s:g} s; lengthen timing.duration_s or shorten signals.green_s"
            )
        if wanted_s is not None:
            lane, spell = min(free, key=lambda slot: abs(slot[1][1] - wanted_s))
        else:
            lane, spell = free[int(self._chance.integers(len(free)))]
        return lane, spell, into_s

    def _into_s(self, deed: DeedPart) -> Range:
        usual = {"run_red": (0.5, 4.0), "run_yellow": (0.3, 2.5)}
        return deed.into_s or usual.get(deed.deed, (1.5, 4.0))

    def _add_at_signal(
        self, deed: DeedPart, lane: LaneLine, spell: tuple[float, float, float], at_s: float
    ) -> None:
        turn = Turn.RIGHT if deed.deed == "turn_on_red" else Turn.THROUGH
        way = lane.ways[turn]
        line_m = way.line_m or 0.0
        driver = self._driver(deed, lane, way, 0.0)
        driver.enters_s, driver.due_s = at_s - line_m / driver.wanted_mps, at_s
        over_m = drawn(self._chance, deed.over_m or (0.6, 2.5))
        conducts: dict[str, Conduct] = {
            "run_red": Timed(at_s, driver.wanted_mps),
            "run_yellow": Timed(at_s, driver.wanted_mps),
            "stop_over_line": StopBeyond(over_m, creeps=False),
            "creep": StopBeyond(over_m, creeps=True),
            "turn_on_red": TurnOnRed(),
            "reverse": self._reverse(deed, line_m + self._chance.uniform(0.3, 2.5)),
        }
        driver.conduct = conducts[deed.deed]
        if isinstance(driver.conduct, Reverse):
            driver.keep_m = driver.conduct.by_m + 1.5
        self._drivers.append(driver)
        from_s = min(spell[0] - _CLEAR_BEFORE_S, at_s - _CLEAR_BEFORE_S)
        self._clearances.append(Clearance(lane.id, line_m, from_s, at_s + _CLEAR_AFTER_S))

    # -- anywhere -----------------------------------------------------------------------------

    def _anywhere(self, deed: DeedPart, lanes: Sequence[LaneLine]) -> None:
        spread_s = max(self._duration_s - _HEAD_S - _TAIL_S, 0.0) / deed.times
        for number in range(deed.times):
            for trial in range(_TRIALS):
                at_s = _HEAD_S + spread_s * (number + float(self._chance.uniform(0.1, 0.9)))
                if deed.at_s:
                    at_s = deed.at_s[number] + 0.1 * trial * float(self._chance.uniform(-1.0, 1.0))
                lane = lanes[(number + trial) % len(lanes)]
                if self._added(deed, lane, at_s):
                    break
            else:
                raise ConfigError(
                    f"{deed.times} x {deed.deed} do not fit beside the other deeds in "
                    f"{self._duration_s:g} s; lengthen timing.duration_s or ask for fewer"
                )

    def _added(self, deed: DeedPart, lane: LaneLine, at_s: float) -> bool:
        """Whether a driver could be added who is at its place at the moment."""
        ends_m = self._ends_m(lane)
        share = float(self._chance.uniform(*_PLACE_SHARES))
        place_m = ends_m[0] + share * (ends_m[1] - ends_m[0])
        turn = {"wrong_way": Turn.WRONG_WAY, "uturn": Turn.UTURN}.get(deed.deed, Turn.THROUGH)
        driver = self._driver(deed, lane, lane.ways[turn], 0.0)
        if turn is Turn.WRONG_WAY:
            length_m = lane.path.length_m
            place_m = length_m - ends_m[1]
            near, far = (_NEAR_M, _FAR_M) if lane.turned else (_FAR_M, _NEAR_M)
            driver.from_m = max(place_m - near, 0.0)
            driver.to_m = length_m - ends_m[0] + far
        driver.enters_s = at_s - (place_m - driver.from_m) / driver.wanted_mps
        line_m = lane.ways[Turn.THROUGH].line_m
        if line_m is not None:
            passed_m = lane.path.length_m - line_m if turn is Turn.WRONG_WAY else line_m
            passes_s = driver.enters_s + (passed_m - driver.from_m) / driver.wanted_mps
            if not self._is_green(lane, passes_s):
                return False
        self._give_conduct(deed, lane, driver, place_m)
        wanted = self._room(deed, lane, driver, at_s, place_m)
        taken = any(c.hits(one) for c in wanted for one in self._drivers)
        if taken or any(c.hits(driver) for c in self._clearances):
            return False
        self._drivers.append(driver)
        self._clearances += wanted
        return True

    def _is_green(self, lane: LaneLine, at_s: float) -> bool:
        """Whether the signal has been green for a while, as far as it ever is."""
        program = self._programs.get(lane.ways[Turn.THROUGH].group_id or "")
        if program is None or all(p.aspect is not Aspect.GREEN for p in program.phases):
            return True
        greens = [
            (phase.start_s, after.start_s)
            for phase, after in pairwise((*program.phases, Phase(np.inf, Aspect.UNKNOWN)))
            if phase.aspect is Aspect.GREEN
        ]
        return any(
            from_s + min(_GREEN_S, (until_s - from_s) / 2) <= at_s <= until_s
            for from_s, until_s in greens
        )

    def _give_conduct(self, deed: DeedPart, lane: LaneLine, driver: Driver, place_m: float) -> None:
        half_m = driver.body.length_m / 2
        if deed.deed == "wrong_way":
            driver.conduct = Oncoming()
        elif deed.deed == "speeding":
            driver.conduct, driver.daring = Unstoppable(), DARING
        elif deed.deed == "reverse":
            driver.conduct = self._reverse(deed, place_m)
            driver.keep_m = driver.conduct.by_m + 1.5
        elif deed.deed == "park":
            driver.conduct = Park(place_m + 14.0)
            across_m = lane.kerb_m + EDGE_M + _KERB_GAP_M + driver.body.width_m / 2
            start_m = place_m - 10.0 - half_m
            driver.shifts.append((start_m, start_m + 22.0, across_m - driver.right_m))
        elif deed.deed == "change_lane":
            sides_m = list(lane.neighbours.values())
            side_m = sides_m[int(self._chance.integers(len(sides_m)))]
            length_m = max(2.8 * driver.wanted_mps, 14.0)
            driver.shifts.append((place_m - length_m / 2, place_m + length_m / 2, side_m))

    def _reverse(self, deed: DeedPart, stop_m: float) -> Reverse:
        by_m = drawn(self._chance, deed.by_m or (1.5, 5.0))
        return Reverse(stop_m, by_m, drawn(self._chance, deed.for_s or (1.0, 2.5)))

    def _ends_m(self, lane: LaneLine) -> tuple[float, float]:
        """The watched stretch along the lane's path."""
        ends_m = lane.path.project(self._road.lane(lane.id).centre_m[[0, -1]])[0]
        return float(ends_m[0]), float(ends_m[1])

    def _room(
        self, deed: DeedPart, lane: LaneLine, driver: Driver, at_s: float, place_m: float
    ) -> list[Clearance]:
        """Nobody slower ahead of a fast driver, nobody at all ahead of a wrong-way driver."""
        if deed.deed == "wrong_way":
            length_m = lane.path.length_m
            way_m = min(driver.to_m, length_m) - driver.from_m
            gone_s = driver.enters_s + way_m / driver.wanted_mps
            before_s = 8.0 + self._longest_red_s(lane)
            stretch_m = np.linspace(length_m - driver.from_m - way_m, length_m - driver.from_m, 8)
            return [
                Clearance(lane.id, float(at_m), driver.enters_s - before_s, gone_s + 2.0)
                for at_m in stretch_m
            ]
        if deed.deed == "speeding":
            end_m = place_m + 60.0
            arrives_s = driver.enters_s + end_m / driver.wanted_mps
            return [
                Clearance(lane.id, end_m, driver.enters_s, arrives_s + 1.5),
                Clearance(lane.id, 0.0, driver.enters_s - 3.0, driver.enters_s + 0.5),
            ]
        found = [Clearance(lane.id, place_m, at_s - 3.0, at_s + 6.0)]
        if deed.deed == "change_lane":
            found += [Clearance(one, place_m, at_s - 4.0, at_s + 4.0) for one in lane.neighbours]
        return found

    def _longest_red_s(self, lane: LaneLine) -> float:
        spells = self._spells.get(lane.ways[Turn.THROUGH].group_id or "", [])
        return max((min(end - onset, 60.0) for _, onset, end in spells), default=0.0)

    def _driver(self, deed: DeedPart, lane: LaneLine, way: Way, enters_s: float) -> Driver:
        driver = self._maker.driver(lane, way, enters_s, deed.kind)
        driver.deed = deed.deed
        speed_kmh = deed.speed_kmh
        if deed.deed == "speeding":
            speed_kmh = speeding_kmh(speed_kmh, self._limit_kmh, lane)
        if speed_kmh is not None:
            driver.wanted_mps = drawn(self._chance, speed_kmh) / 3.6
        if deed.deed in ("change_lane", "park") and abs(driver.right_m) > 0.5:
            driver.right_m = 0.0
        return driver
