"""Giving way at the junction: nobody drives into a place another is in, or is about to be."""

from collections.abc import Sequence

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


class GiveWay:
    """Finds where drivers must wait for others."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._zones = zones_of(ways)

    def stops_m(self, fleet: Fleet, open_line: Bools) -> Floats:
        """The nearest place (N,) along its way each must wait before; infinite for none."""
        found = np.full(len(fleet), np.inf)
        members = {way: np.flatnonzero(fleet.way == way).tolist() for way in np.unique(fleet.way)}
        for way, own in members.items():
            for zone in self._zones[way]:
                others = members.get(zone.other)
                if not others:
                    continue
                for i in own:
                    to_m = zone.first_m - fleet.front_m[i]
                    if not 0.0 < to_m < _LOOK_M or not open_line[i]:
                        continue
                    if fleet.drivers[i].conduct.assertive:
                        continue
                    if self._must_wait(fleet, i, zone, others, open_line):
                        stop_m = zone.first_m - _KEEP_OFF_M
                        room_m = max(stop_m - fleet.front_m[i], 0.05)
                        if fleet.speed_mps[i] ** 2 / (2 * room_m) < _HARDEST_MPS2:
                            found[i] = min(found[i], stop_m)
        return found

    def _must_wait(
        self, fleet: Fleet, i: int, zone: Zone, others: Sequence[int], open_line: Bools
    ) -> bool:
        length_m = 2 * fleet.half_length_m[i]
        enters_s = _soonest_s(fleet, i, zone.first_m - fleet.front_m[i])
        leaves_s = _soonest_s(fleet, i, zone.last_m + length_m - fleet.front_m[i])
        for j in others:
            front_m = fleet.front_m[j]
            rear_m = front_m - 2 * fleet.half_length_m[j]
            if rear_m > zone.other_last_m:
                continue
            if front_m > zone.other_first_m - 0.5:
                return True
            conduct = fleet.drivers[j].conduct
            passed = front_m > fleet.line_m[j]
            first = zone.gives_way or fleet.drivers[i].conduct.yields or conduct.assertive
            if not (first or passed) or not open_line[j]:
                continue
            if not first and fleet.speed_mps[j] < 0.5:
                continue
            comes_s = _soonest_s(fleet, j, zone.other_first_m - front_m)
            clears_s = _latest_s(fleet, j, zone.other_last_m - rear_m)
            if comes_s < leaves_s + _MARGIN_S and enters_s < clears_s + _MARGIN_S:
                return True
        return False


def _soonest_s(fleet: Fleet, i: int, way_m: float) -> float:
    """How soon a vehicle can have gone so far."""
    if way_m <= 0.0:
        return 0.0
    speed, top = float(fleet.speed_mps[i]), max(float(fleet.wanted_mps[i]), 1.0)
    pull = float(fleet.temper.pull_mps2[i])
    if speed >= top:
        return float(way_m / speed)
    gaining_m = (top**2 - max(speed, 0.0) ** 2) / (2 * pull)
    if way_m <= gaining_m:
        return float((np.sqrt(speed**2 + 2 * pull * way_m) - speed) / pull)
    return float((top - speed) / pull + (way_m - gaining_m) / top)


def _latest_s(fleet: Fleet, j: int, way_m: float) -> float:
    """How long a vehicle takes for it at its present speed, at most _LONG_S."""
    speed = max(float(fleet.speed_mps[j]), 0.5)
    return min(float(way_m) / speed, _LONG_S)
