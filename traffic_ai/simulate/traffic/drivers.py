"""Who drives: vehicles drawn from the mix, each driver with a temper and a wanted speed."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from traffic_ai.core.road_user import RoadUser
from traffic_ai.simulate.draw.catalogue import COLOURS, body, models
from traffic_ai.simulate.traffic.conduct import Conduct, Lawful
from traffic_ai.simulate.traffic.layout import LaneLine, Way
from traffic_ai.simulate.traffic.motion import Motion
from traffic_ai.simulate.traffic.schema import Kind
from traffic_ai.simulate.traffic.shifts import shifted_m
from traffic_ai.simulate.traffic.values import Range, drawn
from traffic_ai.simulate.world import Body

# Acceleration and comfortable braking, m/s2: cars as in Treiber et al. (2000), table I, a little
# brisker as city drivers are; trucks and buses slower off the mark, motorcycles faster.
_PULL_MPS2 = {RoadUser.MOTORCYCLE: (2.0, 3.0), RoadUser.TRUCK: (0.7, 1.1), RoadUser.BUS: (0.9, 1.2)}
_CAR_PULL_MPS2 = (1.2, 2.0)
_BRAKING_MPS2 = (1.6, 2.4)
_STANDSTILL_M = (1.6, 2.6)
_LINE_GAP_M = (0.4, 2.0)
_WANDER_M = 0.22
# A motorcycle rides in one half of its lane, so two of them go beside each other.
_HALF_LANE_SHARE = 0.26
# Heavy vehicles and their limits.
_LAWFUL_SHARE = (0.82, 0.96)
_UNLIMITED_KMH = (90.0, 130.0)


@dataclass(slots=True, eq=False)
class Driver:
    """A vehicle with its driver, before and while it drives.

    right_m: how far to the right of the lane's middle it keeps. shifts: (from, to, metres to the
    right): changes of that by place along the way. keep_m: what others keep behind it beyond
    their own gap. script: its motion where every move is written down. from_m, to_m:
    where its front comes in and its middle leaves, along the way. due_s: when a
    deed at the line demands it to be there. daring: how much faster than others it takes bends.
    """

    id: int
    body: Body
    way: Way
    lane: LaneLine
    enters_s: float
    wanted_mps: float
    headway_s: float
    standstill_m: float
    pull_mps2: float
    braking_mps2: float
    line_gap_m: float
    right_m: float
    conduct: Conduct = field(default_factory=Lawful)
    deed: str = ""
    keep_m: float = 0.0
    script: Motion | None = None
    from_m: float = 0.0
    to_m: float = float("inf")
    due_s: float | None = None
    daring: float = 1.0
    shifts: list[tuple[float, float, float]] = field(default_factory=list)

    def afresh(self) -> "Driver":
        """The same driver before the simulation."""
        return replace(self, conduct=copy(self.conduct), shifts=list(self.shifts))

    def right_of_road_m(self, place_m: float) -> float:
        """How far to the right of the middle of its direction's innermost lane it is at a place."""
        shift_m = float(shifted_m(self.shifts, np.array([place_m]))[0])
        return self.lane.right_m + self.right_m + shift_m

    @property
    def is_lawful(self) -> bool:
        """Whether nobody told it what to do."""
        return self.deed == "" and self.script is None


class DriverMaker:
    """Draws drivers one after the other from a seed."""

    def __init__(
        self,
        chance: np.random.Generator,
        mix: Mapping[Kind, float],
        speed_kmh: Range,
        headway_s: Range,
    ) -> None:
        self._chance = chance
        self._kinds = [kind for kind, share in mix.items() if share > 0.0]
        shares = np.array([mix[kind] for kind in self._kinds])
        self._shares = shares / shares.sum()
        self._speed_kmh, self._headway_s = speed_kmh, headway_s
        self._count = 0

    def driver(self, lane: LaneLine, way: Way, enters_s: float, kind: Kind | None = None) -> Driver:
        """The next driver; of a kind, or of one drawn from the mix."""
        chance = self._chance
        kind = kind or self._kinds[int(chance.choice(len(self._kinds), p=self._shares))]
        model = str(chance.choice(models(kind)))
        vehicle = _painted(model, str(chance.choice(list(COLOURS))))
        bike = vehicle.road_user is RoadUser.MOTORCYCLE
        right_m = float(np.clip(chance.normal(0.0, _WANDER_M / 2), -_WANDER_M, _WANDER_M))
        if bike:
            right_m += float(chance.choice([-1.0, 1.0])) * _HALF_LANE_SHARE * lane.width_m
        self._count += 1
        return Driver(
            id=self._count,
            body=vehicle,
            way=way,
            lane=lane,
            enters_s=enters_s,
            wanted_mps=drawn(chance, self._speed_kmh) / 3.6,
            headway_s=drawn(chance, self._headway_s),
            standstill_m=drawn(chance, _STANDSTILL_M) * (0.6 if bike else 1.0),
            pull_mps2=drawn(chance, _PULL_MPS2.get(vehicle.road_user, _CAR_PULL_MPS2)),
            braking_mps2=drawn(chance, _BRAKING_MPS2),
            line_gap_m=drawn(chance, _LINE_GAP_M),
            right_m=right_m,
        )


@cache
def _painted(model: str, colour: str) -> Body:
    """A model in a colour; its shape is built once for all colours."""
    return replace(body(model), colour=colour)


def lawful_kmh(limit_kmh: float | None) -> Range:
    """What drivers want to drive where a limit is all that is known."""
    if limit_kmh is None:
        return _UNLIMITED_KMH
    return _LAWFUL_SHARE[0] * limit_kmh, _LAWFUL_SHARE[1] * limit_kmh


def entry_times_s(
    chance: np.random.Generator, flow_per_h: float, platoons: float, from_s: float, until_s: float
) -> list[float]:
    """When vehicles come in on a lane: shifted exponential headways, some close behind.

    The mean headway is that of the flow, the share of platoons included.
    """
    found: list[float] = []
    if flow_per_h <= 0.0:
        return found
    mean_s, close_s = 3600.0 / flow_per_h, 1.7
    least_s = min(1.5, 0.8 * mean_s)
    spread_s = max((mean_s - platoons * close_s) / max(1.0 - platoons, 1e-6) - least_s, 0.05)
    t_s = from_s + chance.uniform(0.0, mean_s)
    while t_s < until_s:
        found.append(t_s)
        close = chance.uniform() < platoons
        t_s += chance.uniform(1.4, 2.0) if close else least_s + chance.exponential(spread_s)
    return found
