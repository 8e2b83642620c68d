"""All vehicles on the road at a moment of the simulation, as arrays."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats, Ints
from traffic_ai.simulate.traffic.drivers import Driver
from traffic_ai.simulate.traffic.idm import Temper
from traffic_ai.simulate.traffic.layout import Way
from traffic_ai.simulate.traffic.paths import Path
from traffic_ai.simulate.traffic.shifts import shifted_m

# Sideways acceleration drivers accept in bends, and how they brake toward them.
_SIDEWAYS_MPS2, _BEND_BRAKING_MPS2 = 2.6, 1.5
_BEND_STEP_M = 1.0


class Fleet:
    """Drivers with their places along their ways and their speeds; one entry each in all arrays.

    right_m and final_right_m: how far right of the way's middle, now and after shifts under way.
    goes: decided to pass its line at yellow. obeys: stops at a red line.
    """

    def __init__(self, ways: Sequence[Way]) -> None:
        self.ways = tuple(ways)
        self._number = {way.id: i for i, way in enumerate(self.ways)}
        self._bend = [bend_speeds_mps(way.path) for way in self.ways]
        self._groups = np.array([way.group_id or "" for way in self.ways])
        self.drivers: list[Driver] = []
        self.place_m: Floats = np.zeros(0)
        self.speed_mps: Floats = np.zeros(0)
        self.acceleration_mps2: Floats = np.zeros(0)
        self.right_m: Floats = np.zeros(0)
        self.final_right_m: Floats = np.zeros(0)
        self.half_length_m: Floats = np.zeros(0)
        self.half_width_m: Floats = np.zeros(0)
        self.wanted_mps: Floats = np.zeros(0)
        self.line_m: Floats = np.zeros(0)
        self.line_gap_m: Floats = np.zeros(0)
        self.keep_m: Floats = np.zeros(0)
        self.end_m: Floats = np.zeros(0)
        self.daring: Floats = np.zeros(0)
        self.goes = self.obeys = self.blind = np.zeros(0, bool)
        self.way = np.zeros(0, np.int64)
        self.ordered: Ints = np.zeros(0, np.int64)
        self._chosen_s = np.zeros(0)
        self.temper = Temper(*(np.zeros(0) for _ in range(4)))
        self._used: list[tuple[int, Ints]] = []
        self._scripted: list[int] = []

    def __len__(self) -> int:
        return len(self.drivers)

    @property
    def front_m(self) -> Floats:
        """Places of the fronts (N,)."""
        return self.place_m + self.half_length_m

    # -- who is on the road -------------------------------------------------------------------

    def add(self, driver: Driver, speed_mps: float) -> None:
        """A vehicle whose front comes in where it begins its way."""
        self.drivers.append(driver)
        self.place_m = np.append(self.place_m, driver.from_m - driver.body.length_m / 2)
        self.speed_mps = np.append(self.speed_mps, speed_mps)
        self.acceleration_mps2 = np.append(self.acceleration_mps2, 0.0)
        self.goes = np.append(self.goes, False)
        self.obeys = np.append(self.obeys, driver.conduct.obeys_line)
        self._chosen_s = np.append(self._chosen_s, -np.inf)
        self._refresh()

    def drop(self, gone: Bools) -> None:
        """Vehicles that left."""
        if not gone.any():
            return
        kept = ~gone
        self.drivers = [one for one, stays in zip(self.drivers, kept, strict=True) if stays]
        self.place_m, self.speed_mps = self.place_m[kept], self.speed_mps[kept]
        self.acceleration_mps2 = self.acceleration_mps2[kept]
        self.goes, self.obeys = self.goes[kept], self.obeys[kept]
        self._chosen_s = self._chosen_s[kept]
        self._refresh()

    def follow_scripts(self, t_s: float) -> None:
        """Put the scripted vehicles where they are at a moment."""
        for i in self._scripted:
            script = self.drivers[i].script
            if script is not None:
                self.place_m[i] = script.distance_m(t_s) - self.half_length_m[i]
                self.speed_mps[i] = script.speed_at_mps(t_s)

    def _refresh(self) -> None:
        """Arrays that change only when someone comes or goes."""
        own = self.drivers
        self.half_length_m = np.array([one.body.length_m / 2 for one in own])
        self.half_width_m = np.array([one.body.width_m / 2 for one in own])
        self.wanted_mps = np.array([one.wanted_mps for one in own])
        self.line_m = np.array(
            [np.inf if one.way.line_m is None else one.way.line_m for one in own]
        )
        self.line_gap_m = np.array([one.line_gap_m for one in own])
        self.keep_m = np.array([one.keep_m for one in own])
        self.end_m = np.array([min(one.way.path.length_m, one.to_m) for one in own]) - 0.5
        self.daring = np.array([one.daring for one in own])
        self.blind = np.array([one.conduct.blind for one in own], bool)
        self.way = np.array([self._number[one.way.id] for one in own], dtype=np.int64)
        self.ordered = np.array(
            [i for i, one in enumerate(own) if not one.is_lawful], dtype=np.int64
        )
        self._scripted = [i for i, one in enumerate(own) if one.script is not None]
        self.temper = Temper(
            np.array([one.headway_s for one in own]),
            np.array([one.standstill_m for one in own]),
            np.array([one.pull_mps2 for one in own]),
            np.array([one.braking_mps2 for one in own]),
        )
        self._used = [(int(way), np.flatnonzero(self.way == way)) for way in np.unique(self.way)]

    # -- where they are -----------------------------------------------------------------------

    def placed(self) -> tuple[Floats, Floats]:
        """Points (N, 2) of the vehicles' middles and their headings (N,); renews right_m."""
        points_m, headings = np.empty((len(self), 2)), np.empty(len(self))
        self.right_m = np.array([one.right_m for one in self.drivers])
        self.final_right_m = self.right_m.copy()
        for i, driver in enumerate(self.drivers):
            if driver.shifts:
                places = np.array([self.place_m[i], 1e9])
                now, final = driver.right_m + shifted_m(driver.shifts, places)
                self.right_m[i], self.final_right_m[i] = now, final
        for way, members in self._used:
            path, places_m = self.ways[way].path, self.place_m[members]
            heading = path.headings(places_m)
            normal = np.stack([np.cos(heading), -np.sin(heading)], axis=-1)
            points_m[members] = path.points(places_m) + self.right_m[members, None] * normal
            headings[members] = heading
        return points_m, headings

    def seen_from_ways(self, points_m: Floats) -> tuple[Floats, Floats, Floats]:
        """Places (N, N) of all vehicles along each one's way, how far right of it they are, and
        where the way heads there.
        """
        shape = (len(self), len(self))
        along_m, right_m, heading = np.empty(shape), np.empty(shape), np.empty(shape)
        for way, members in self._used:
            path = self.ways[way].path
            places_m, beside_m = path.project(points_m)
            along_m[members], right_m[members] = places_m, beside_m
            heading[members] = path.headings(places_m)
        return along_m, right_m, heading

    def bend_mps(self) -> Floats:
        """How fast (N,) each may drive for the bends ahead of it."""
        found = np.full(len(self), np.inf)
        for way, members in self._used:
            limits = self._bend[way]
            if limits is not None:
                i = np.clip(self.front_m[members] / _BEND_STEP_M, 0, len(limits) - 1)
                found[members] = limits[i.astype(int)] * self.daring[members]
        return found

    # -- signals and orders -------------------------------------------------------------------

    def is_of_group(self, group_id: str) -> Bools:
        """Who (N,) obeys a signal group."""
        return np.asarray(self._groups[self.way] == group_id)

    def choose_at_yellow(self, asked: Bools, since_s: float, accepted_mps2: float) -> None:
        """Each decides once a phase: it goes on if it could not stop comfortably."""
        open_choice = asked & (self._chosen_s < since_s) & ~self.goes
        if not open_choice.any():
            return
        room_m = np.maximum(self.line_m - self.line_gap_m - self.front_m, 0.05)
        needed_mps2 = self.speed_mps**2 / (2 * room_m)
        self.goes |= open_choice & (needed_mps2 > accepted_mps2)
        self._chosen_s = np.where(open_choice, since_s, self._chosen_s)

    def forget_choice(self, own: Bools) -> None:
        """A new green."""
        self.goes &= ~own


def bend_speeds_mps(path: Path) -> Floats | None:
    """The speed drivers keep by each metre of a path, None for a straight one."""
    if path.is_straight:
        return None
    places_m = np.arange(0.0, path.length_m, _BEND_STEP_M)
    curvature = np.abs(path.curvatures(places_m))
    found = np.sqrt(_SIDEWAYS_MPS2 / np.maximum(curvature, 1e-9))
    for after, here in pairwise(range(len(found) - 1, -1, -1)):
        reached = np.sqrt(found[after] ** 2 + 2 * _BEND_BRAKING_MPS2 * _BEND_STEP_M)
        found[here] = min(found[here], reached)
    return np.asarray(found)
