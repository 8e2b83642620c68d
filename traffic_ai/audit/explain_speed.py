"""A vehicle's speed along its pass, moment by moment, with its uncertainty band: for drawing only.

What is reported is one speed over the whole pass (`rules/speed.py`); this shows whether it was
driven evenly, from the same points by a simpler way: a straight line through each half second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.decision import TrackPoints
from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.box_size import Build
from traffic_ai.rules.speed import box_sizes_m
from traffic_ai.rules.speed_reference import correct

_HALF_S = 0.4
_LEAST_POINTS = 5
STEP_S = 0.1
_KMH = 3.6


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """Speed (N,) at moments t_s (N,) and twice its standard uncertainty, from box noise alone."""

    t_s: Array
    speed_kmh: Array
    band_kmh: Array


def speed_curve(
    points: TrackPoints, homography: Homography | None, road_user: RoadUser
) -> SpeedCurve | None:
    """The speed along a pass; None without a road plane or enough points on it."""
    if homography is None:
        return None
    usable = points.grounded & ~np.isnan(points.ground_m[:, 0])
    t_s, ground_m, cov = points.t_s[usable], points.ground_m[usable], points.ground_cov_m2[usable]
    if len(t_s) < _LEAST_POINTS:
        return None
    directions = np.array([_direction(t_s, ground_m, moment) for moment in t_s])
    tall_m = box_sizes_m(points.xyxy_px[usable], homography)[:, 1]
    place_m = correct(ground_m, directions, homography, Build(road_user), tall_m).ground_m
    moments = np.arange(t_s[0] + _HALF_S / 2.0, t_s[-1] - _HALF_S / 2.0 + 1e-9, STEP_S)
    rows = [row for moment in moments if (row := _at(moment, t_s, place_m, cov)) is not None]
    return SpeedCurve(*np.array(rows).T) if rows else None


def _near(t_s: Array, moment: float) -> NDArray[np.intp]:
    return np.flatnonzero(np.abs(t_s - moment) <= _HALF_S)


def _direction(t_s: Array, ground_m: Array, moment: float) -> Array:
    """Unit direction of travel (2,) about a moment; that of the whole way where it stands."""
    near = _near(t_s, moment)
    for way in (ground_m[near[-1]] - ground_m[near[0]], ground_m[-1] - ground_m[0]):
        length = float(np.linalg.norm(way))
        if length > 1.0:
            return np.asarray(way / length)
    return np.array([1.0, 0.0])


def _at(moment: float, t_s: Array, place_m: Array, cov: Array) -> tuple[float, float, float] | None:
    """Moment, speed and band, km/h, by a weighted line through the points near the moment."""
    near = _near(t_s, moment)
    if len(near) < _LEAST_POINTS or np.ptp(t_s[near]) < _HALF_S:
        return None
    time = t_s[near] - moment
    variance = np.maximum(np.trace(cov[near], axis1=1, axis2=2) / 2.0, 1e-6)
    weight = 1.0 / variance
    middle = float(weight @ time / weight.sum())
    spread = float(weight @ (time - middle) ** 2)
    velocity = (weight * (time - middle)) @ place_m[near] / spread
    speed = float(np.linalg.norm(velocity))
    unit = velocity / max(speed, 1e-9)
    line = place_m[near] - (weight @ place_m[near]) / weight.sum()
    miss = (line - np.outer(time - middle, velocity)) @ unit
    scale2 = max(float(weight @ miss**2) / (len(near) - 2), 1.0)
    return moment, speed * _KMH, 2.0 * float(np.sqrt(scale2 / spread)) * _KMH
