"""Where ways cross or join, and who gives way there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.traffic.layout import Turn, Way

_STEP_M = 0.5
# Middles of two ways nearer than this are in each other's way.
_APART_M = 2.9
# Ways that run along each other this far apart are lanes side by side.
_BESIDE_M = 2.0
# Of ways that join, this much after the meeting is watched; from there on one follows the other.
_JOINED_M = 8.0
# Ways that share more than this side by side are the same lane.
_SAME_LANE_M = 40.0
_RANK = {Turn.THROUGH: 3, Turn.RIGHT: 2, Turn.LEFT: 1, Turn.UTURN: 0, Turn.WRONG_WAY: 3}


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of one way that another needs too. first_m, last_m: on this way; other_first_m,
    other_last_m: on the other. same_signal: whether both obey one. gives_way: whether this way's
    drivers let the other's go first.
    """

    other: int
    first_m: float
    last_m: float
    other_first_m: float
    other_last_m: float
    same_signal: bool
    gives_way: bool


def zones_of(ways: Sequence[Way]) -> tuple[tuple[Zone, ...], ...]:
    """The zones of each way, ways by their number."""
    found: list[list[Zone]] = [[] for _ in ways]
    for i, one in enumerate(ways):
        for j, other in enumerate(ways):
            if i == j or not _may_meet(one, other):
                continue
            span = _shared(one, other)
            if span is not None:
                same = one.group_id == other.group_id
                found[i].append(Zone(j, *span, same, _gives_way(one, other)))
    return tuple(tuple(sorted(zones, key=lambda zone: zone.first_m)) for zones in found)


def _may_meet(one: Way, other: Way) -> bool:
    """Ways of one lane part, they do not meet; neither do the through ways of one road."""
    if one.lane_id == other.lane_id:
        return False
    straight = {Turn.THROUGH, Turn.WRONG_WAY}
    return not (one.turn in straight and other.turn in straight and one.group_id == other.group_id)


def _gives_way(one: Way, other: Way) -> bool:
    """A U-turn to all; of the same signal, who turns to who goes on."""
    if one.turn is Turn.UTURN and other.turn is not Turn.UTURN:
        return True
    return one.group_id == other.group_id and _RANK[one.turn] < _RANK[other.turn]


def _shared(one: Way, other: Way) -> tuple[float, float, float, float] | None:
    """First and last place of both where they are too near, or None."""
    own_m, near, right_m = _near(one, other)
    if not near.any():
        return None
    first = int(np.argmax(near))
    ends = np.flatnonzero(~near[first:])
    last = first + (int(ends[0]) if len(ends) else len(near) - first) - 1
    if own_m[last] - own_m[first] > _SAME_LANE_M and first == 0:
        return None
    if own_m[last] - own_m[first] > _JOINED_M:
        meet = first + int(np.argmin(np.abs(right_m[first : last + 1]) > 0.3))
        last = min(last, meet + int(_JOINED_M / _STEP_M))
    # What the other way needs of this stretch, seen from there.
    other_m, other_near, _ = _near(other, one)
    on_own_m = one.path.project(other.path.points(other_m))[0]
    within = (on_own_m > own_m[first] - _APART_M) & (on_own_m < own_m[last] + _APART_M)
    needed_m = other_m[other_near & within]
    if len(needed_m) == 0:
        return None
    return float(own_m[first]), float(own_m[last]), float(needed_m.min()), float(needed_m.max())


def _near(one: Way, other: Way) -> tuple[Floats, Bools, Floats]:
    """Places (M,) along a way, which of them are in the other's way, and how far right of it."""
    own_m = np.arange(0.0, one.path.length_m, _STEP_M)
    other_m, right_m = other.path.project(one.path.points(own_m))
    near = (np.abs(right_m) < _APART_M) & (other_m >= 0) & (other_m <= other.path.length_m)
    turn = one.path.headings(own_m) - other.path.headings(other_m)
    head_on = np.cos(turn) < -0.9
    beside = (np.cos(turn) > 0.97) & (np.abs(right_m) > _BESIDE_M)
    return own_m, np.asarray(near & ~head_on & ~beside), right_m
