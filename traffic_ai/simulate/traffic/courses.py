"""From a trail along a way to a course on the road: both axles follow the way."""

from collections.abc import Callable, Sequence

import numpy as np

from traffic_ai.simulate.arrays import Floats
from traffic_ai.simulate.traffic.paths import Path
from traffic_ai.simulate.traffic.shifts import shifted_m
from traffic_ai.simulate.world import Body, Course

_NUDGE_M = 0.01


def course_of(
    path: Path,
    body: Body,
    t_s: Floats,
    places_m: Floats,
    speeds_mps: Floats,
    right_m: float = 0.0,
    shifts: Sequence[tuple[float, float, float]] = (),
) -> Course:
    """The course of a vehicle whose middle is at places (T,) along a path, moving at speeds (T,).

    Its place and heading are those of the line through the points its axles follow.
    """

    def beside_m(along_m: Floats) -> Floats:
        return right_m + shifted_m(shifts, along_m)

    front_m, rear_m = float(body.contacts_m[:, 1].max()), float(body.contacts_m[:, 1].min())
    ahead, ahead_rate = _followed(path, beside_m, places_m + front_m)
    behind, behind_rate = _followed(path, beside_m, places_m + rear_m)
    share = -rear_m / (front_m - rear_m)
    along = ahead - behind
    heading = np.unwrap(np.arctan2(along[:, 0], along[:, 1]))
    rate = behind_rate + share * (ahead_rate - behind_rate)
    return Course(t_s, behind + share * along, rate * speeds_mps[:, None], heading)


def _followed(
    path: Path, beside_m: Callable[[Floats], Floats], along_m: Floats
) -> tuple[Floats, Floats]:
    """Points (T, 2) beside a path, and their change by metre along it (T, 2)."""
    heading, curvature = path.headings(along_m), path.curvatures(along_m)
    tangent = np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=-1)
    right = beside_m(along_m)
    slope = (beside_m(along_m + _NUDGE_M) - beside_m(along_m - _NUDGE_M)) / (2 * _NUDGE_M)
    points = path.points(along_m) + right[:, None] * normal
    rate = (1 - curvature * right)[:, None] * tangent + slope[:, None] * normal
    return points, rate


def standing(
    body: Body, middle_m: Floats, heading_rad: float, from_s: float, until_s: float
) -> Course:
    """The course of a vehicle that never moves."""
    return Course(
        np.array([from_s, until_s]),
        np.repeat(middle_m[None], 2, axis=0),
        np.zeros((2, 2)),
        np.full(2, heading_rad),
    )
