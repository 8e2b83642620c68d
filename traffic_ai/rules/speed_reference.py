"""From the bottom edge of a vehicle's box to the middle of the vehicle on the road.

Used by `speed.py`. The bottom edge shows whatever of the vehicle reaches lowest in the picture.
Two things make it move otherwise than the vehicle does, and both act on the line of sight:

- Height. Near the camera it is the bumper, h above the road: seen from height H its place is
  over-read by H / (H - h), and so is the speed. Farther away it is the wheel behind the bumper,
  on the road, and nothing is over-read. The edge is the nearer of the two.
- Size. It is the vehicle's nearest corner in depth but the middle of its outline in width. As the
  vehicle turns against the line of sight, the edge wanders over the vehicle.
"""

from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import SIZES, RoadUser
from traffic_ai.core.violation import VehicleEnd


@dataclass(frozen=True, slots=True)
class _LowEdge:
    """Lower edge of one end of a class: its height, and how far it overhangs the wheel."""

    height_m: float
    height_sigma_m: float
    overhang_m: float
    overhang_sigma_m: float


# Bumpers: RESEARCH 7 (0.30 m on buses; cars show their wheels from some 15 m on; truck tails
# +2.3 % at 6-8 m); ECE R58 allows rear underrun bars up to 0.55 m. Overhangs are those that count
# at the bumper's corners, where the wheel shows first: shorter than the vehicle's own.
_EDGES: dict[tuple[RoadUser, VehicleEnd], _LowEdge] = {
    (RoadUser.CAR, VehicleEnd.FRONT): _LowEdge(0.20, 0.05, 0.5, 0.15),
    (RoadUser.CAR, VehicleEnd.REAR): _LowEdge(0.25, 0.06, 0.6, 0.2),
    (RoadUser.BUS, VehicleEnd.FRONT): _LowEdge(0.30, 0.07, 2.5, 0.3),
    (RoadUser.BUS, VehicleEnd.REAR): _LowEdge(0.35, 0.10, 3.0, 0.5),
    (RoadUser.TRUCK, VehicleEnd.FRONT): _LowEdge(0.30, 0.08, 1.2, 0.3),
    (RoadUser.TRUCK, VehicleEnd.REAR): _LowEdge(0.45, 0.10, 1.2, 0.6),
}
_WHEEL = _LowEdge(0.0, 0.0, 0.0, 0.0)

# The edge of a tyre, of its shadow and of its reflection on a wet road are not told apart.
_CONTACT_SIGMA_M = 0.03
# The lens' height comes from the calibration and is good to about this share.
_CAMERA_HEIGHT_SHARE = 0.1
# Where the height is unknown: cameras over roads hang higher than this.
_LOW_CAMERA_M = 5.0
# Mean cosine between travel and line of sight below which the vehicle's side is seen.
_END_ON = 0.5


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the vehicle's middle was, and how each cause may have shifted it.

    ground_m (n, 2). shifts_m: name of the uncertainty's component and its shift (n, 2) of one
    standard deviation. relative: uncertainty of the speed that has no known shape, as a share.
    """

    ground_m: Array
    shifts_m: tuple[tuple[str, Array], ...]
    relative: float
    seen_end: VehicleEnd | None


def correct(
    ground_m: Array, directions: Array, homography: Homography, road_user: RoadUser | None
) -> Reference:
    """The reference points of a vehicle whose bottom edge stands at ground_m (n, 2).

    `directions` (n, 2): unit direction of travel. A road user of None stands for a point that is
    known to lie on the road. Without the camera's place nothing is corrected; the height then
    goes into the uncertainty.
    """
    height_m, foot_m = homography.camera_height_m, homography.camera_ground_m
    if height_m is None or foot_m is None:
        return Reference(ground_m, (), unknown_camera_share(road_user), None)
    offset = ground_m - foot_m
    reach_m = np.linalg.norm(offset, axis=1)
    sight = offset / np.maximum(reach_m, 1e-9)[:, None]
    contact = ("reference_height", offset * (_CONTACT_SIGMA_M / height_m))
    cosine = np.einsum("ni,ni->n", sight, directions)
    end = _end(float(cosine.mean()))
    if road_user is None:
        return Reference(ground_m, (contact,), 0.0, end)
    vehicle, spreads = _vehicle(road_user, end, height_m)
    steepness = np.abs(cosine)
    shifts = [contact]
    for component, prop, sigma in spreads:
        value = getattr(vehicle, prop)
        more = replace(vehicle, **{prop: value + sigma}).middle_m(reach_m, steepness)
        less = replace(vehicle, **{prop: value - sigma}).middle_m(reach_m, steepness)
        shifts.append((component, ((more - less) / 2.0)[:, None] * sight))
    corrected = foot_m + vehicle.middle_m(reach_m, steepness)[:, None] * sight
    return Reference(corrected, tuple(shifts), 0.0, end)


def _end(mean_cosine: float) -> VehicleEnd:
    if abs(mean_cosine) < _END_ON:
        return VehicleEnd.SIDE
    return VehicleEnd.REAR if mean_cosine > 0.0 else VehicleEnd.FRONT


def unknown_camera_share(road_user: RoadUser | None) -> float:
    """Half of the over-read that a low camera would give: the true one lies within twice it."""
    heights = [e.height_m for (user, _), e in _EDGES.items() if user is road_user]
    return max(0.5 * max(heights, default=0.0), _CONTACT_SIGMA_M) / _LOW_CAMERA_M


@dataclass(frozen=True, slots=True)
class _Vehicle:
    """The lower edge and footprint of a vehicle, and the camera that looks at it."""

    height_m: float
    overhang_m: float
    length_m: float
    width_m: float
    camera_height_m: float

    def middle_m(self, reach_m: Array, cosine: Array) -> Array:
        """Distance (n,) of the vehicle's middle from the camera's foot.

        reach_m (n,): distance of the bottom edge as projected; cosine (n,): between the
        vehicle's axis and the line of sight, positive.
        """
        by_bumper = reach_m * (1.0 - self.height_m / self.camera_height_m)
        near_face = np.maximum(by_bumper, reach_m - self.overhang_m * cosine)
        sine = np.sqrt(np.clip(1.0 - cosine**2, 0.0, 1.0))
        return np.asarray(near_face + self.length_m / 2.0 * cosine + self.width_m / 2.0 * sine)


def _vehicle(
    road_user: RoadUser, end: VehicleEnd, camera_height_m: float
) -> tuple[_Vehicle, tuple[tuple[str, str, float], ...]]:
    """The typical vehicle of a class, and (component, property, standard deviation) of each."""
    size = SIZES[road_user]
    edge = _EDGES.get((road_user, end), _WHEEL)
    vehicle = _Vehicle(
        edge.height_m, edge.overhang_m, size.typical_m, size.width_m, camera_height_m
    )
    return vehicle, (
        ("reference_height", "height_m", edge.height_sigma_m),
        ("reference_height", "overhang_m", edge.overhang_sigma_m),
        ("reference_height", "camera_height_m", _CAMERA_HEIGHT_SHARE * camera_height_m),
        ("vehicle_size", "length_m", (size.longest_m - size.shortest_m) / 4.0),
    )
