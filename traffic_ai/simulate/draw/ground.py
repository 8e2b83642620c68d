"""What the ground looks like at every point: asphalt, markings, kerbs, paving and grass.

All functions take road points x_m, y_m (N,) and give linear colours (N, 3) or shares (N,).
"""

import numpy as np

from traffic_ai.simulate import layout
from traffic_ai.simulate.arrays import Bools, Floats
from traffic_ai.simulate.draw.noise import hashed, layered_noise

PAVEMENT_M = 3.0
WHITE = np.array([0.60, 0.62, 0.62])


def ground_colour(x_m: Floats, y_m: Floats, footprint_m: Floats) -> Floats:
    """Reflectance of the ground; footprint_m (N,) is the ground a picture pixel covers."""
    inland_m = kerb_distance_m(x_m, y_m)
    colour = _asphalt(x_m, y_m, footprint_m)
    share = _markings(x_m, y_m)
    worn = 0.88 + 0.9 * layered_noise(x_m, y_m, 0.35, 3, 71, footprint_m)
    share = share * np.clip(worn, 0.25, 1.0)
    colour += (WHITE - colour) * share[:, None]
    kerb = (inland_m > 0) & (inland_m <= 0.16)
    stones = np.where(np.mod(x_m + y_m, 1.0) < 0.025, 0.7, 1.0)
    colour[kerb] = (np.array([0.30, 0.32, 0.33]) * stones[:, None])[kerb]
    colour[(inland_m > -0.30) & (inland_m <= 0)] *= 0.86
    paved = (inland_m > 0.16) & (inland_m <= PAVEMENT_M)
    colour[paved] = _paving(x_m[paved], y_m[paved], footprint_m[paved])
    grass = inland_m > PAVEMENT_M
    colour[grass] = _grass(x_m[grass], y_m[grass], footprint_m[grass])
    return colour


def kerb_distance_m(x_m: Floats, y_m: Floats) -> Floats:
    """Distance from the kerb, positive on the pavement side, corners rounded."""
    radius = layout.KERB_RADIUS_M
    side = np.abs(x_m) - layout.ROAD_HALF_M
    near, far = layout.CROSS_ROAD_Y_M
    along = np.where(y_m < (near + far) / 2, near - y_m, y_m - far)
    corner = radius - np.hypot(radius - side, radius - along)
    rounded = (side < radius) & (along < radius) & (side > 0) & (along > 0)
    return np.where(rounded, corner, np.minimum(side, along))


def _asphalt(x_m: Floats, y_m: Floats, footprint_m: Floats) -> Floats:
    """Grey with aggregate, wheel tracks, an oil trace down each lane, patches and cracks."""
    grain = layered_noise(x_m, y_m, 0.08, 3, 11, footprint_m)
    cloud = layered_noise(x_m, y_m * 0.30, 3.5, 3, 21, footprint_m)
    level = 0.125 * (1 + 0.36 * grain + 0.22 * cloud)
    along = (np.abs(x_m) < layout.ROAD_HALF_M) & (
        (y_m < layout.CROSS_ROAD_Y_M[0] + 3) | (y_m > layout.CROSS_ROAD_Y_M[1] - 3)
    )
    for lane in layout.LANES.values():
        across = x_m - lane.centre_x_m
        wheel = np.exp(-((np.abs(across) - 0.78) ** 2) / 0.09)
        oil = np.exp(-(across**2) / 0.10) * (0.6 + layered_noise(x_m, y_m, 5.0, 2, 31, footprint_m))
        level = np.where(along, level * (1 + 0.07 * wheel - 0.13 * oil), level)
    patch = ((x_m > 3.9) & (x_m < 6.2) & (y_m > 15.5) & (y_m < 18.6)) | (
        (x_m > -6.4) & (x_m < -4.9) & (y_m > 20) & (y_m < 31)
    )
    level = np.where(patch, level * 0.80, level)
    crack = np.abs(layered_noise(x_m + 50, y_m, 3.2, 3, 41, footprint_m)) * (1 + 0.02 * y_m)
    level = np.where((crack < 0.004) & (y_m < 60), level * 0.72, level)
    for cx, cy in ((1.9, 21.4), (-2.3, 17.5), (4.6, 33.5), (-5.1, 41.0)):
        reach = np.hypot(x_m - cx, y_m - cy)
        level = np.where(reach < 0.36, 0.075 + 0.03 * (np.mod(x_m * 14, 1) > 0.5), level)
        level = np.where((reach >= 0.36) & (reach < 0.43), 0.05, level)
    return np.asarray(level[:, None] * np.array([1.02, 1.0, 0.97]))


def _stripe(x_m: Floats, at_m: float, width_m: float = 0.12) -> Bools:
    return np.asarray(np.abs(x_m - at_m) < width_m / 2)


def _markings(x_m: Floats, y_m: Floats) -> Floats:
    """1 where paint lies."""
    near, far = layout.CROSS_ROAD_Y_M
    approach = y_m < layout.STOP_LINE_Y_M + layout.STOP_LINE_DEPTH_M
    leaving = y_m > layout.FAR_STOP_LINE_Y_M - layout.STOP_LINE_DEPTH_M
    dashed = np.mod(y_m, 6.0) < 3.0
    painted = (_stripe(x_m, 0.10) | _stripe(x_m, -0.10)) & (approach | leaving)
    painted |= _stripe(x_m, 3.55) & ((approach & ((y_m > 13.0) | dashed)) | (leaving & dashed))
    painted |= _stripe(x_m, -3.55) & ((leaving & ((y_m < 62.0) | dashed)) | (approach & dashed))
    painted |= (
        (x_m > 0.25)
        & (x_m < 6.80)
        & (y_m > layout.STOP_LINE_Y_M)
        & (y_m < layout.STOP_LINE_Y_M + layout.STOP_LINE_DEPTH_M)
    )
    far_line = layout.FAR_STOP_LINE_Y_M
    painted |= (
        (x_m < -0.25)
        & (x_m > -6.80)
        & (y_m < far_line)
        & (y_m > far_line - layout.STOP_LINE_DEPTH_M)
    )
    for low, high in layout.CROSSWALKS_Y_M:
        painted |= (
            (np.abs(x_m) < 6.75) & (y_m > low) & (y_m < high) & (np.mod(x_m + 0.25, 1.0) < 0.5)
        )
    middle = (near + far) / 2
    painted |= (np.abs(y_m - middle) < 0.07) & (np.abs(x_m) > 11.0) & (np.mod(x_m, 4.0) < 2.4)
    for lane in layout.LANES.values():
        if not lane.turned:
            painted |= _arrow(x_m - lane.centre_x_m, y_m - 14.0)
    return painted.astype(float)


def _arrow(x_m: Floats, y_m: Floats) -> Bools:
    """A straight-on arrow five metres long, its foot at the origin."""
    stem = (np.abs(x_m) < 0.075) & (y_m > 0) & (y_m < 3.2)
    head = (y_m >= 3.0) & (y_m < 5.0) & (np.abs(x_m) < 0.42 * (5.0 - y_m) / 2.0)
    return np.asarray(stem | head)


def _paving(x_m: Floats, y_m: Floats, footprint_m: Floats) -> Floats:
    """Concrete slabs."""
    i, j = np.floor(x_m / 0.6).astype(np.int64), np.floor(y_m / 0.6).astype(np.int64)
    level = 0.30 * (
        1 + 0.12 * (hashed(i, j, 5) - 0.5) + 0.35 * layered_noise(x_m, y_m, 1.3, 4, 51, footprint_m)
    )
    joint = (np.mod(x_m, 0.6) < 0.02) | (np.mod(y_m, 0.6) < 0.02)
    level = np.where(joint & (footprint_m < 0.12), level * 0.72, level)
    return np.asarray(level[:, None] * np.array([0.93, 1.0, 1.04]))


def _grass(x_m: Floats, y_m: Floats, footprint_m: Floats) -> Floats:
    """Mown grass with bare spots."""
    blade = layered_noise(x_m, y_m, 0.25, 3, 61, footprint_m)
    field = layered_noise(x_m, y_m, 4.0, 4, 66, footprint_m)
    level = 1 + 0.7 * blade + 0.7 * field
    return np.asarray(
        level[:, None] * np.array([0.035, 0.125, 0.085])
        + np.clip(field, 0, 1)[:, None] * np.array([0.01, 0.05, 0.07])
    )
