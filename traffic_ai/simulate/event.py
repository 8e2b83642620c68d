"""A true violation, and what `line_events` and `lane_events` share to find one."""

from dataclasses import dataclass, field

import numpy as np
import shapely

from traffic_ai.core.violation import ViolationKind
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.world import Poses, Vehicle, World

STAND_MPS = 0.05
STEP_S = 0.05
"""How far apart the moments are that are looked at first."""


@dataclass(frozen=True, slots=True)
class Event:
    """A true violation. figures: what is known of it by the names of the truth format.
    `certain`: False where it may be seen either way, as at the ends of the video.
    """

    kind: ViolationKind
    vehicle: Vehicle
    lane_id: str
    t_s: float
    until_s: float
    certain: bool
    figures: dict[str, float | str] = field(default_factory=dict)


def inside(polygon_m: Floats, points_m: Floats) -> Bools:
    """Which points (N, 2) lie in a polygon (K, 2)."""
    return np.asarray(
        shapely.contains_xy(shapely.Polygon(polygon_m), points_m[:, 0], points_m[:, 1])
    )


def ahead(poses: Poses) -> Floats:
    """Unit directions (T, 2) the vehicle faces."""
    return np.stack([np.sin(poses.heading_rad), np.cos(poses.heading_rad)], axis=-1)


def point_m(poses: Poses, along_m: float) -> Floats:
    """A point (T, 2) of the vehicle, so far ahead of its middle."""
    return np.asarray(poses.middle_m + along_m * ahead(poses))


def lane_at(world: World, vehicle: Vehicle, t_s: float, along_m: float) -> str:
    """The watched lane a point of the vehicle is in, else the one it came in on."""
    at_m = point_m(vehicle.course.poses(np.array([t_s])), along_m)
    for lane in world.road.lanes:
        if lane.watched and inside(lane.polygon_m, at_m)[0]:
            return lane.id
    return vehicle.lane_id
