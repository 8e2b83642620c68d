"""Whether a standing vehicle has room for itself before another one whose box holds its own.

Used by the stop-over-line rule, and by red light to know one vehicle under two tracks. The
detector may give a second box on a part of a vehicle, whose edges tell no place and may reach
beyond the vehicle's own. Where it is a vehicle of its own, the other one stands farther from the
camera by its length at the least.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import SIZES
from traffic_ai.core.track import Track
from traffic_ai.rules.same_vehicle import share_inside

# So much of its box lies in the other's, mostly, where both were seen so often.
_INSIDE_SHARE = 0.4
_LEAST_COMMON = 3
# Without a road plane: in heights of its box. Cameras of ordinary height see a third at the least.
_LEAST_SHARE_OF_BOX = 0.3


@dataclass(frozen=True, slots=True)
class Room:
    """How far the nearest of such vehicles stands behind it in the picture, and how far it must:
    metres where the road plane is known, else heights of its box.
    """

    measured: float
    least: float
    unit: str


def room(
    track: Track, others: Iterable[Track], since_s: float, along_m: Array | None
) -> Room | None:
    """The least room since a moment; None where nobody's box holds the vehicle's, or only of one
    beside it.

    along_m (2,): the direction of its lane on the road plane, if that is known.
    """
    rooms = [
        found
        for other in others
        if other is not track and (found := _to(track, other, since_s, along_m)) is not None
    ]
    return min(rooms, key=lambda room: room.measured - room.least, default=None)


def _to(track: Track, other: Track, since_s: float, along_m: Array | None) -> Room | None:
    t_s, a, b = np.intersect1d(track.t_s, other.t_s, return_indices=True)
    both = (t_s >= since_s) & track.observed[a] & other.observed[b]
    if both.sum() < _LEAST_COMMON:
        return None
    a, b = a[both], b[both]
    own, its = track.xyxy_px[a], other.xyxy_px[b]
    if float(np.median(share_inside(own, its))) < _INSIDE_SHARE:
        return None
    below_px = float(np.median(own[:, 3] - its[:, 3]))
    if along_m is not None:
        offset_m = other.ground_m[b] - track.ground_m[a]
        offset_m = offset_m[~np.isnan(offset_m[:, 0])]
        if len(offset_m):
            nearer = SIZES[(track if below_px > 0.0 else other).road_user]
            beside_m = (SIZES[track.road_user].width_m + SIZES[other.road_user].width_m) / 2.0
            across_m = abs(float(np.median(offset_m @ np.array([-along_m[1], along_m[0]]))))
            apart_m = abs(float(np.median(offset_m @ along_m)))
            return None if across_m >= beside_m else Room(apart_m, nearer.shortest_m, "m")
    height_px = float(np.median(own[:, 3] - own[:, 1]))
    return Room(abs(below_px) / max(height_px, 1.0), _LEAST_SHARE_OF_BOX, "box heights")
