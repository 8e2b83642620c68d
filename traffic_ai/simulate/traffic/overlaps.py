"""Which vehicles ever cover the same ground."""

from collections.abc import Collection, Sequence

import numpy as np

from traffic_ai.core.errors import ConfigError
from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.world import Vehicle

_STEP_S = 0.2


def overlaps(
    vehicles: Sequence[Vehicle], from_s: float = -np.inf, until_s: float = np.inf
) -> dict[tuple[int, int], float]:
    """Pairs of ids whose rectangles overlap at any of close moments from one moment to another,
    with the first of these, in order of time.
    """
    moments, owners, places = [], [], []
    for number, vehicle in enumerate(vehicles):
        course = vehicle.course
        ends_s = max(course.start_s, from_s), min(course.end_s, until_s)
        first, last = (int(np.ceil(end_s / _STEP_S)) for end_s in ends_s)
        steps = np.arange(first, last)
        if len(steps) == 0:
            continue
        poses = course.poses(steps * _STEP_S)
        moments.append(steps)
        owners.append(np.full(len(steps), number))
        places.append(np.column_stack([poses.middle_m, poses.heading_rad]))
    if not moments:
        return {}
    moment, owner, place = (np.concatenate(part) for part in (moments, owners, places))
    order = np.argsort(moment, kind="stable")
    cuts = np.flatnonzero(np.diff(moment[order])) + 1
    size_m = np.array([(one.body.length_m, one.body.width_m) for one in vehicles])
    found: dict[tuple[int, int], float] = {}
    for group in np.split(order, cuts):
        at_s = float(moment[group[0]] * _STEP_S)
        for a, b in _near(place[group], size_m[owner[group]]):
            one, other = int(owner[group][a]), int(owner[group][b])
            pair = vehicles[one].id, vehicles[other].id
            if pair not in found and _meet(place[group][[a, b]], size_m[[one, other]]):
                found[pair] = at_s
    return found


def _near(place: Floats, size_m: Floats) -> list[tuple[int, int]]:
    """Pairs whose circumscribed circles overlap."""
    radius_m = np.hypot(size_m[:, 0], size_m[:, 1]) / 2
    away_m = np.hypot(place[:, None, 0] - place[None, :, 0], place[:, None, 1] - place[None, :, 1])
    first, second = np.nonzero(np.triu(away_m < radius_m[:, None] + radius_m[None, :], 1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _meet(place: Floats, size_m: Floats) -> bool:
    """Whether two rectangles overlap: no edge direction of either keeps them apart."""
    ahead = np.stack([np.sin(place[:, 2]), np.cos(place[:, 2])], axis=-1)
    right = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
    between_m = place[1, :2] - place[0, :2]
    for axis in (*ahead, *right):
        reach_m = 0.5 * (size_m[:, 0] * np.abs(ahead @ axis) + size_m[:, 1] * np.abs(right @ axis))
        if abs(float(between_m @ axis)) >= float(reach_m.sum()):
            return False
    return True


def apart(vehicles: Sequence[Vehicle], actors: Collection[int]) -> list[Vehicle]:
    """Without lawful vehicles that a driver with a deed would have run into."""
    gone: set[int] = set()
    for one, other in overlaps(vehicles):
        if one not in gone and other not in gone:
            lawful = [number for number in (other, one) if number not in actors]
            gone.update(lawful[:1])
    return [vehicle for vehicle in vehicles if vehicle.id not in gone]


def refuse_collisions(vehicles: Sequence[Vehicle], scripted: int, last_s: float) -> None:
    """Raise ConfigError where one of the scripted vehicles, whose ids are the first, drives into
    another or into a driver with a deed while it is filmed.
    """
    actors = [one for one in vehicles if one.id <= scripted or one.deed not in ("", "parked")]
    known = {one.id: one for one in actors}
    for pair, at_s in overlaps(actors if scripted else (), 0.0, last_s).items():
        if min(pair) <= scripted:
            one, other = (_words(known[number], scripted) for number in sorted(pair))
            raise ConfigError(
                f"{one} and {other} drive into each other at {at_s:.1f} s; change the lane, at_s "
                "or at_m of one of them"
            )


def _words(vehicle: Vehicle, scripted: int) -> str:
    if vehicle.id <= scripted:
        return f"vehicles[{vehicle.id - 1}] ({vehicle.body.model})"
    return f"the driver of {vehicle.deed} in {vehicle.lane_id}"
