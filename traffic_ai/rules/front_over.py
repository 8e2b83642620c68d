"""How far over a stop line the front of a vehicle stands, in the driver's favour.

Used by `stop_over_line.py`. A front that is seen is where its lower edge is, or farther; of one
that is not, the shortest vehicle of its class tells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.core.track import Track
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.length_range import length_range_m
from traffic_ai.rules.passage import MARGIN_SIGMAS
from traffic_ai.rules.standing import least_of_pieces
from traffic_ai.rules.stop_line_geometry import StopLineGeometry
from traffic_ai.rules.upper_edge import edge_sigma_px

# Lower edges of the tails of heavy vehicles: underrun bars of trucks are allowed up to 0.55 m (ECE
# R58), their shadow and wheels show below. Cars' boxes reach the road.
_TAIL_HEIGHT_M = 0.4
# Bumpers of the lowest cars; shorter than this are two-wheelers.
_LEAST_BUMPER_M = 0.1
_LEAST_FOUR_WHEELED_M = 3.0
# Of a motorcycle whose rider alone is found the feet rest on pegs so high above the road.
_FEET_M = 0.3
# A standing rear's lower edge, beyond what its tail's height explains, is wrong by 0.4 to 0.9 of
# the noise of a single box (SD over drawn vehicles); the shortest of the class leaves room too.
_TAIL_SIGMAS = 1.0
_HEAVY = frozenset({RoadUser.BUS, RoadUser.TRUCK})
# Without a road plane the seen end itself must be over the line by this share of the box height.
_OVER_SHARE_OF_BOX = 0.15


@dataclass(frozen=True, slots=True)
class Over:
    """How far over the line the front is at the least, pixels and (if known) metres.

    Below the least distance it may still be, and is then no more than a near miss.
    """

    px: float
    m: float | None
    sigma_m: float | None
    least_px: float


def front_over(
    geometry: StopLineGeometry, track: Track, standing: NDArray[np.bool_], min_distance_m: float
) -> Over | None:
    """How far over the line the front of a vehicle is at the least; None where it is likely less
    than min_distance_m over.

    standing (n,): the points of the track at which it stands.
    """
    boxes = track.xyxy_px[standing]
    sigma_px = edge_sigma_px(boxes)
    seen_px = float(np.median(geometry.seen_distance_px(boxes) - MARGIN_SIGMAS * sigma_px))
    least_px = _OVER_SHARE_OF_BOX * float(np.median(boxes[:, 3] - boxes[:, 1]))
    places_m, noise_m = geometry.places_m(track)
    distance_m = places_m[standing]
    known = ~np.isnan(distance_m)
    if not known.any():
        unmeasured = geometry.ground_line is not None and track.road_user in _HEAVY
        foremost_px = float(np.median(geometry.foremost_distance_px(boxes)))
        if seen_px > 0.0 or (unmeasured and foremost_px > 0.0):
            return Over(seen_px, None, None, least_px)
        return None
    sigma_m = float(np.median(noise_m[standing][known]))
    placed = np.flatnonzero(standing)[known]
    if geometry.end is VehicleEnd.REAR:
        seen_m = least_of_pieces(distance_m[known])
        likely_m = seen_m + SIZES[track.road_user].typical_m
    else:
        seen_m = float(np.median(distance_m[known]))
        likely_m = seen_m + geometry.bumper_allowance_m()
    least_m = seen_m + _ahead_m(geometry, track, placed, sigma_m)
    if max(least_m, likely_m) < min_distance_m:
        return None
    return Over(max(seen_px, 0.0), least_m, sigma_m, least_px)


def _ahead_m(
    geometry: StopLineGeometry, track: Track, placed: NDArray[np.int64], sigma_m: float
) -> float:
    """How far the front is at the least beyond where the lower edge seems to be.

    An edge above the road looks farther away than it is: a rear is less far ahead, a front
    that comes towards the camera farther.
    """
    margin_m = MARGIN_SIGMAS * sigma_m
    if geometry.ground_line is None or geometry.scene.homography is None:
        return -margin_m
    normal = geometry.ground_line.forward
    shortest_m = length_range_m(track, placed, normal, geometry.scene.homography)[0]
    four_wheeled = shortest_m >= _LEAST_FOUR_WHEELED_M
    if geometry.end is VehicleEnd.FRONT:
        bumper_m = geometry.raised_allowance_m(_LEAST_BUMPER_M) if four_wheeled else 0.0
        return bumper_m - margin_m
    if geometry.end is not VehicleEnd.REAR:
        return -margin_m
    if not four_wheeled:
        feet_m = _FEET_M if track.road_user is RoadUser.PERSON else 0.0
        raised_m = geometry.raised_allowance_m(feet_m)
        return geometry.hidden_length_m(track, placed)[0] - raised_m - margin_m
    tail_m = _TAIL_HEIGHT_M if track.road_user in _HEAVY else _LEAST_BUMPER_M
    hidden_m = geometry.hidden_length_m(track, placed)[0]
    return hidden_m - geometry.raised_allowance_m(tail_m) - _TAIL_SIGMAS * sigma_m
