"""Riders taken for people on foot: of a small two-wheeler the detector may find only who rides it.

Used by the rules that judge vehicles. Nobody on foot goes so fast for so long, so on the road plane
such a one is judged as a motorcycle.
"""

from collections.abc import Iterable

import numpy as np

from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.scene import Lane
from traffic_ai.core.track import Track
from traffic_ai.core.violation import Condition, at_least
from traffic_ai.rules.lanes import is_judged
from traffic_ai.rules.same_vehicle import on_one

LEAST_M, LEAST_KMH = 10.0, 25.0
SPEED_OF_A_RIDER = "speed_of_a_rider"
# Around a moment, the time whose motion and company count.
_AROUND_S = 1.5


def taken_for(track: Track, lane: Lane, *, in_metres: bool) -> RoadUser:
    """The class a track is judged as in a lane: who is not judged on foot may be a rider."""
    may_ride = in_metres and not is_judged(lane, track.road_user)
    on_foot = track.road_user is RoadUser.PERSON
    return RoadUser.MOTORCYCLE if on_foot and may_ride else track.road_user


def of_a_rider(way_m: float, lasts_s: float) -> list[Condition]:
    """What tells a rider from one on foot: so long a way in that time."""
    speed_kmh = 3.6 * way_m / max(lasts_s, 1e-9)
    return [
        at_least("distance_of_a_rider", way_m, LEAST_M, "m"),
        at_least(SPEED_OF_A_RIDER, speed_kmh, LEAST_KMH, "km/h"),
    ]


def rides_at(track: Track, t_s: float) -> list[Condition]:
    """The same from what is known of a track on the road around a moment."""
    near = np.abs(track.t_s - t_s) <= _AROUND_S
    known = np.flatnonzero(near & track.grounded & ~np.isnan(track.ground_m[:, 0]))
    if len(known) < 2:
        return of_a_rider(0.0, 0.0)
    first, last = known[[0, -1]]
    way_m = float(np.linalg.norm(track.ground_m[last] - track.ground_m[first]))
    return of_a_rider(way_m, float(track.t_s[last] - track.t_s[first]))


def may_ride(conditions: Iterable[Condition]) -> bool:
    """Whether one is too fast for one on foot, if only over a short way: by what tells a rider."""
    return any(c.met for c in conditions if c.name == SPEED_OF_A_RIDER)


def is_carried(track: Track, others: Iterable[Track], t_s: float) -> bool:
    """Whether who is followed is in or on a vehicle that has a track of its own."""
    return any(
        on_one(other, track, t_s - _AROUND_S, t_s + _AROUND_S)
        for other in others
        if other.road_user is not RoadUser.PERSON
    )
