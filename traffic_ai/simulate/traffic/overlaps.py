"""Which vehicles ever cover the same ground."""

from collections.abc import Collection, Sequence

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.world import Vehicle

_STEP_S = 0.2


def overlaps(vehicles: Sequence[Vehicle]) -> list[tuple[int, int]]:
    """Pairs of ids whose rectangles overlap at any of close moments, in order of time."""
    moments, owners, places = [], [], []
    for number, vehicle in enumerate(vehicles):
        course = vehicle.course
        first, last = (int(np.ceil(end / _STEP_S)) for end in (course.start_s, course.end_s))
        steps = np.arange(first, last)
        if len(steps) == 0:
            continue
        poses = course.poses(steps * _STEP_S)
        moments.append(steps)
        owners.append(np.full(len(steps), number))
        places.append(np.column_stack([poses.middle_m, poses.heading_rad]))
    if not moments:
        return []
    moment, owner, place = (np.concatenate(part) for part in (moments, owners, places))
    order = np.argsort(moment, kind="stable")
    cuts = np.flatnonzero(np.diff(moment[order])) + 1
    size_m = np.array([(one.body.length_m, one.body.width_m) for one in vehicles])
    found: dict[tuple[int, int], None] = {}
    for group in np.split(order, cuts):
        for a, b in _near(place[group], size_m[owner[group]]):
            one, other = int(owner[group][a]), int(owner[group][b])
            if (one, other) not in found and _meet(place[group][[a, b]], size_m[[one, other]]):
                found[(one, other)] = None
    return [(vehicles[one].id, vehicles[other].id) for one, other in found]


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
