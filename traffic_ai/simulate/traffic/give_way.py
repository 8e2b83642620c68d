"""Giving way at the junction: nobody drives into a place another is in, or is about to be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.traffic.conflicts import Zone, zones_of
from traffic_ai.simulate.traffic.fleet import Fleet
from traffic_ai.simulate.traffic.layout import Way

_LOOK_M = 55.0
_KEEP_OFF_M = 0.8
# Who gives way leaves the other this much time before and after.
_MARGIN_S = 1.2
_LONG_S = 30.0
_HARDEST_MPS2 = 7.0
_STANDS_MPS = 0.5


@dataclass(slots=True)
class _Comer:
    """What others see of a vehicle near the junction, in plain numbers."""

    index: int
    front_m: float
    length_m: float
    speed_mps: float
    top_mps: float
    pull_mps2: float
    past_line: bool
    inside: bool
    open_line: bool
    assertive: bool
    yields: bool
    waits: bool

    def soonest_s(self, way_m: float) -> float:
        """How soon it can have gone so far."""
        if way_m <= 0.0:
            return 0.0
        if self.speed_mps >= self.top_mps:
            return way_m / self.speed_mps
        gaining_m = (self.top_mps**2 - self.speed_mps**2) / (2 * self.pull_mps2)
        if way_m <= gaining_m:
            root = (self.speed_mps**2 + 2 * self.pull_mps2 * way_m) ** 0.5
            return float((root - self.speed_mps) / self.pull_mps2)
        gaining_s = (self.top_mps - self.speed_mps) / self.pull_mps2
        return gaining_s + (way_m - gaining_m) / self.top_mps

    def latest_s(self, way_m: float) -> float:
        """How long it takes for it at its present speed."""
        return min(way_m / max(self.speed_mps, _STANDS_MPS), _LONG_S)


class GiveWay:
    """Finds where drivers must wait for others."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._zones = zones_of(ways)
        self._waiting: set[int] = set()
        self._last_m = [
            max(
                [zone.last_m for zone in zones]
                + [z.other_last_m for others in self._zones for z in others if z.other == number],
                default=-np.inf,
            )
            for number, zones in enumerate(self._zones)
        ]

    def stops_m(self, fleet: Fleet, open_line: Bools) -> Floats:
        """The nearest place (N,) along its way each must wait before; infinite for none."""
        found = np.full(len(fleet), np.inf)
        comers = self._comers(fleet, open_line)
        self._waiting = set()
        for way, own in comers.items():
            for one in own:
                if one.assertive or not one.open_line:
                    continue
                stop_m = self._stop_m(one, self._zones[way], comers)
                if stop_m is not None:
                    found[one.index] = stop_m
                    if one.speed_mps < _STANDS_MPS:
                        self._waiting.add(fleet.drivers[one.index].id)
        return found

    def _stop_m(
        self, one: _Comer, zones: Sequence[Zone], comers: Mapping[int, Sequence[_Comer]]
    ) -> float | None:
        """Where one must wait: before the first zone that is not free for it.

        Who is before all zones does not begin to cross while somebody stands in one of them, or
        one of another signal is still about to leave.
        """
        entry_m = zones[0].first_m if zones else np.inf
        for zone in zones:
            to_m = zone.first_m - one.front_m
            if to_m > _LOOK_M:
                break
            others = comers.get(zone.other, ())
            if to_m <= 0.0 or not others:
                continue
            blocked = one.front_m < entry_m and any(_is_left(zone, other) for other in others)
            if not blocked and not any(_comes_first(one, zone, other) for other in others):
                continue
            wait_m = (entry_m if blocked else zone.first_m) - _KEEP_OFF_M
            room_m = max(wait_m - one.front_m, 0.05)
            if one.speed_mps**2 / (2 * room_m) <= _HARDEST_MPS2:
                return wait_m
        return None

    def _comers(self, fleet: Fleet, open_line: Bools) -> dict[int, list[_Comer]]:
        """Vehicles that have not left the junction, by way."""
        found: dict[int, list[_Comer]] = defaultdict(list)
        fronts_m, speeds = fleet.front_m.tolist(), fleet.speed_mps.tolist()
        lines_m, opens = fleet.line_m.tolist(), open_line.tolist()
        for i, way in enumerate(fleet.way.tolist()):
            driver, front_m, zones = fleet.drivers[i], fronts_m[i], self._zones[way]
            length_m = driver.body.length_m
            if front_m - length_m > self._last_m[way]:
                continue
            conduct = driver.conduct
            found[way].append(
                _Comer(
                    i,
                    front_m,
                    length_m,
                    max(speeds[i], 0.0),
                    max(driver.wanted_mps, 1.0),
                    driver.pull_mps2,
                    front_m > lines_m[i],
                    bool(zones) and front_m > zones[0].first_m,
                    opens[i],
                    conduct.assertive,
                    conduct.yields,
                    driver.id in self._waiting,
                )
            )
        return found


def _is_left(zone: Zone, other: _Comer) -> bool:
    """Whether the other stands in the zone, or was left in the junction by an earlier green."""
    if other.front_m - other.length_m >= zone.other_last_m:
        return False
    stands = other.front_m > zone.other_first_m and other.speed_mps < _STANDS_MPS
    return stands or (other.inside and not zone.same_signal)


def _comes_first(one: _Comer, zone: Zone, other: _Comer) -> bool:
    """Whether the one must wait before the zone for the other."""
    rear_m = other.front_m - other.length_m
    if rear_m > zone.other_last_m:
        return False
    if other.front_m > zone.other_first_m - 0.5:
        return True
    first = zone.gives_way or one.yields or other.assertive
    if not (first or other.past_line) or not other.open_line:
        return False
    # Who stands waiting for others does not come; or everybody would wait for everybody.
    if other.speed_mps < _STANDS_MPS and (other.waits or not first):
        return False
    comes_s = other.soonest_s(zone.other_first_m - other.front_m)
    leaves_s = one.soonest_s(zone.last_m + one.length_m - one.front_m)
    if comes_s >= leaves_s + _MARGIN_S:
        return False
    clears_s = other.latest_s(zone.other_last_m - rear_m)
    return one.soonest_s(zone.first_m - one.front_m) < clears_s + _MARGIN_S
