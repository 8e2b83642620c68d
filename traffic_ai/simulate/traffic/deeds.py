"""Planning deeds: which driver does what, when, and who keeps out of the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.traffic.conduct import (
    Conduct,
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
from traffic_ai.simulate.traffic.values import Range, drawn
from traffic_ai.simulate.world import RoadMap, SignalProgram

# Where deeds that need no signal happen, metres from the camera's foot, as shares of the watched
# stretch.
_PLACE_SHARES = (0.35, 0.65)
# Deeds begin so long after the first frame and are over so long before the last.
_HEAD_S, _TAIL_S = 2.5, 5.0
_CLEAR_BEFORE_S, _CLEAR_AFTER_S = 4.0, 2.0
_STANDS_BEFORE_S = 1.5
_KERB_GAP_M = 0.2


@dataclass(frozen=True, slots=True)
class Clearance:
    """A time in which no lawful driver of a lane may be at a place along it."""

    lane_id: str
    place_m: float
    from_s: float
    until_s: float

    def hits(self, driver: Driver) -> bool:
        """Whether a driver, unhindered, would be there then."""
        if driver.lane.id != self.lane_id:
            return False
        at_s = driver.enters_s + self.place_m / driver.wanted_mps
        return self.from_s <= at_s <= self.until_s


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
        self._taken: set[tuple[str, float]] = set()
        self._drivers: list[Driver] = []
        self._clearances: list[Clearance] = []

    def plan(self, deeds: Sequence[DeedPart]) -> Plan:
        """Raises ConfigError where a deed has no place or no time."""
        for deed in deeds:
            lanes = self._lanes(deed)
            if deed.deed in SIGNAL_DEEDS:
                self._at_signal(deed, lanes)
            else:
                self._anywhere(deed, lanes)
        return Plan(tuple(self._drivers), tuple(self._clearances))

    def _lanes(self, deed: DeedPart) -> list[LaneLine]:
        """The lanes a deed may happen in."""
        at_line = {lane for line in self._road.stop_lines for lane in line.lane_ids}
        watched = {lane.id for lane in self._road.lanes if lane.watched}
        usable = at_line if deed.deed in SIGNAL_DEEDS else watched
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
        driver.enters_s = at_s - line_m / driver.wanted_mps
        over_m = drawn(self._chance, deed.over_m or (0.6, 2.5))
        conducts: dict[str, Conduct] = {
            "run_red": Timed(at_s, driver.wanted_mps),
            "run_yellow": Timed(at_s, driver.wanted_mps),
            "stop_over_line": StopBeyond(over_m, creeps=False),
            "creep": StopBeyond(over_m, creeps=True),
            "turn_on_red": TurnOnRed(),
        }
        driver.conduct = conducts[deed.deed]
        self._drivers.append(driver)
        from_s = min(spell[0] - _CLEAR_BEFORE_S, at_s - _CLEAR_BEFORE_S)
        self._clearances.append(Clearance(lane.id, line_m, from_s, at_s + _CLEAR_AFTER_S))

    # -- anywhere -----------------------------------------------------------------------------

    def _anywhere(self, deed: DeedPart, lanes: Sequence[LaneLine]) -> None:
        moments = deed.at_s or tuple(
            _HEAD_S
            + (self._duration_s - _HEAD_S - _TAIL_S)
            * (number + self._chance.uniform(0.3, 0.7))
            / deed.times
            for number in range(deed.times)
        )
        for number, at_s in enumerate(moments):
            self._add_anywhere(deed, lanes[number % len(lanes)], at_s)

    def _add_anywhere(self, deed: DeedPart, lane: LaneLine, at_s: float) -> None:
        """The driver is at its place at the moment."""
        place_m = self._place_m(deed, lane)
        turn = {"wrong_way": Turn.WRONG_WAY, "uturn": Turn.UTURN}.get(deed.deed, Turn.THROUGH)
        driver = self._driver(deed, lane, lane.ways[turn], 0.0)
        driver.enters_s = at_s - place_m / driver.wanted_mps
        half_m = driver.body.length_m / 2
        if deed.deed in ("wrong_way", "speeding"):
            driver.conduct = Unstoppable()
        elif deed.deed == "reverse":
            by_m = drawn(self._chance, deed.by_m or (1.5, 5.0))
            for_s = drawn(self._chance, deed.for_s or (1.0, 2.5))
            driver.conduct = Reverse(place_m, by_m, for_s)
            driver.keep_m = by_m + 1.5
        elif deed.deed == "park":
            driver.conduct = Park(place_m + 14.0)
            across_m = lane.kerb_m + EDGE_M + _KERB_GAP_M + driver.body.width_m / 2
            start_m = place_m - 10.0 - half_m
            driver.shifts.append((start_m, start_m + 22.0, across_m - driver.right_m))
        elif deed.deed == "change_lane":
            side_m = list(lane.neighbours.values())[
                int(self._chance.integers(len(lane.neighbours)))
            ]
            length_m = max(2.8 * driver.wanted_mps, 14.0)
            driver.shifts.append((place_m - length_m / 2, place_m + length_m / 2, side_m))
        self._drivers.append(driver)
        self._clear(deed, lane, driver, at_s, place_m)

    def _place_m(self, deed: DeedPart, lane: LaneLine) -> float:
        """Where along its way, drawn within the middle of the watched stretch."""
        ends = [
            float(place)
            for place in lane.path.project(self._road.lane(lane.id).centre_m[[0, -1]])[0]
        ]
        share = self._chance.uniform(*_PLACE_SHARES)
        place_m = ends[0] + share * (ends[1] - ends[0])
        line_m = lane.ways[Turn.THROUGH].line_m
        if deed.deed == "reverse" and line_m is not None:
            place_m = line_m + float(self._chance.uniform(-1.0, 2.5))
        if deed.deed == "wrong_way":
            place_m = lane.path.length_m - ends[1] + 2.0
        return place_m

    def _clear(
        self, deed: DeedPart, lane: LaneLine, driver: Driver, at_s: float, place_m: float
    ) -> None:
        """Nobody slower ahead of a fast driver, nobody at all ahead of a wrong-way driver."""
        length_m = lane.path.length_m
        add = self._clearances.append
        if deed.deed == "wrong_way":
            gone_s = driver.enters_s + length_m / driver.wanted_mps
            for way_m in np.linspace(0.0, length_m, 8):
                add(Clearance(lane.id, float(way_m), driver.enters_s - 12.0, gone_s + 2.0))
        elif deed.deed == "speeding":
            end_m = place_m + 60.0
            arrives_s = driver.enters_s + end_m / driver.wanted_mps
            add(Clearance(lane.id, end_m, driver.enters_s, arrives_s + 1.5))
            add(Clearance(lane.id, 0.0, driver.enters_s - 3.0, driver.enters_s + 0.5))
        elif deed.deed in ("uturn", "reverse", "park", "change_lane"):
            add(Clearance(lane.id, place_m, at_s - 3.0, at_s + 5.0))
            for other in lane.neighbours if deed.deed == "change_lane" else ():
                add(Clearance(other, place_m, at_s - 4.0, at_s + 4.0))

    def _driver(self, deed: DeedPart, lane: LaneLine, way: Way, enters_s: float) -> Driver:
        driver = self._maker.driver(lane, way, enters_s, deed.kind)
        driver.deed = deed.deed
        usual: Range | None = None
        if deed.deed == "speeding":
            limit = self._limit_kmh or 100.0
            usual = (min(1.25 * limit, 249.0), min(1.7 * limit, 250.0))
        speed_kmh = deed.speed_kmh or usual
        if speed_kmh is not None:
            driver.wanted_mps = drawn(self._chance, speed_kmh) / 3.6
        if deed.deed in ("change_lane", "park") and abs(driver.right_m) > 0.5:
            driver.right_m = 0.0
        return driver
