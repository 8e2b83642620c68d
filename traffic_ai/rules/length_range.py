"""How long a vehicle seen from behind can be, by its class and the width of its box on the road.

Used by the rules of the stop line. A class is a vote that may have gone wrong while the vehicle
stood; a box no wider than a motorcycle's may be a motorcycle whatever it is called, one as wide as
a car is no motorcycle, and one wider than a car may be a trailer.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.core.track import Track

# Widest outlines of two-wheelers and of cars, metres: width and length.
_TWO_WHEELER_M, _CAR_M = (0.95, 2.3), (1.95, 5.0)
# Boxes are wider than what they hold by up to this share.
_WIDER = 1.15
_TWO_WHEELERS = frozenset({RoadUser.MOTORCYCLE, RoadUser.BICYCLE, RoadUser.PERSON})


def length_range_m(
    track: Track, seen: NDArray[np.int64], ahead: Array, homography: Homography
) -> tuple[float, float]:
    """Least and greatest length, from the points at `seen`; `ahead` (2,): direction of travel."""
    # Who is judged although on foot rides.
    is_rider = track.road_user is RoadUser.PERSON
    size = SIZES[RoadUser.MOTORCYCLE if is_rider else track.road_user]
    shortest = min(s.shortest_m for s in SIZES.values() if s.shortest_m > 1.5)
    longest = max(s.longest_m for s in SIZES.values())
    foot = homography.camera_ground_m
    if foot is None or not len(seen):
        return min(shortest, size.shortest_m), size.longest_m
    boxes = track.xyxy_px[seen]
    anchors = track.anchor_px[seen]
    width_m = (boxes[:, 2] - boxes[:, 0]) * homography.m_per_px_across(anchors)
    sight = track.ground_m[seen] - foot
    cosine = np.abs(sight @ ahead) / np.maximum(np.linalg.norm(sight, axis=1), 1e-9)
    sine = np.sqrt(np.clip(1.0 - cosine**2, 0.0, 1.0))

    def wider_than(outline_m: tuple[float, float]) -> bool:
        widest_m = _WIDER * (outline_m[0] * cosine + outline_m[1] * sine)
        return float(np.median(width_m - widest_m)) > 0.0

    two_wheeled = track.road_user in _TWO_WHEELERS
    if not wider_than(_TWO_WHEELER_M):
        return min(shortest, size.shortest_m), size.longest_m
    least = min(SIZES[RoadUser.CAR].shortest_m, max(size.shortest_m, 3.0))
    if track.road_user in (RoadUser.BUS, RoadUser.TRUCK) and wider_than(_CAR_M):
        least = SIZES[RoadUser.TRUCK].shortest_m
    too_wide = track.road_user is RoadUser.CAR and wider_than(_CAR_M)
    return least, longest if two_wheeled or too_wide else size.longest_m
