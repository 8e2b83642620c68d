"""From the bottom edge of a vehicle's box to the middle of the vehicle on the road.

Used by `speed.py`. A box shows the vehicle's least depth before the camera (its bottom row) and
the middle of its outline (its middle column). Neither moves quite as the vehicle does:

- Height. Near the camera the bottom row is the bumper's, h above the road: seen from height H
  its depth is over-read by H / (H - h), and so is the speed. Farther away it is that of the wheel
  behind the bumper, and nothing is over-read. The row is the nearer of the two.
- Size. Where the camera looks along the road, the row keeps its distance from the vehicle's
  middle and the column matters not. Where it looks across, the near and the far corners that
  bound the outline wander through the picture at different rates, and the column with them.
"""

from dataclasses import dataclass, replace

import numpy as np

from traffic_ai.core.geometry import Array, Homography
from traffic_ai.core.violation import VehicleEnd
from traffic_ai.rules.box_size import Build


@dataclass(frozen=True, slots=True)
class _LowEdge:
    """Lower edge of one end of a class: its height, and how far it overhangs the wheel."""

    height_m: float
    height_sigma_m: float
    overhang_m: float
    overhang_sigma_m: float


# Bumpers (0.30 m on buses; cars show their wheels from some 15 m on; truck tails
# +2.3 % at 6-8 m); ECE R93 allows underrun bars before trucks up to 0.40 m, R58 behind them up to
# 0.55 m. Overhangs are those that count at the bumper's corners, where the wheel shows first:
# shorter than the vehicle's own.
_EDGES: dict[tuple[Build, VehicleEnd], _LowEdge] = {
    (Build.CAR, VehicleEnd.FRONT): _LowEdge(0.20, 0.05, 0.5, 0.15),
    (Build.CAR, VehicleEnd.REAR): _LowEdge(0.25, 0.06, 0.6, 0.2),
    (Build.VAN, VehicleEnd.FRONT): _LowEdge(0.28, 0.06, 0.9, 0.2),
    (Build.VAN, VehicleEnd.REAR): _LowEdge(0.35, 0.08, 1.1, 0.3),
    (Build.BUS, VehicleEnd.FRONT): _LowEdge(0.27, 0.06, 2.5, 0.3),
    (Build.BUS, VehicleEnd.REAR): _LowEdge(0.30, 0.07, 3.0, 0.3),
    (Build.TRUCK, VehicleEnd.FRONT): _LowEdge(0.33, 0.08, 1.3, 0.3),
    (Build.TRUCK, VehicleEnd.REAR): _LowEdge(0.42, 0.08, 1.7, 0.45),
}
_WHEEL = _LowEdge(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Below:
    """How far below its vehicle a box ends: pixels, and a share of the box's height, with the
    pixels' standard deviation from vehicle to vehicle.
    """

    px: float
    share: float
    px_sigma: float


# Boxes end below the vehicle, in its shadow (those of two-wheelers above their tyres), by some
# pixels all the way and by a share of their height, with what of the roof is seen in it: measured
# on drawn scenes; what is not sure is left in the driver's favour.
_BELOW: dict[tuple[Build, VehicleEnd], _Below] = {
    (Build.CAR, VehicleEnd.FRONT): _Below(0.1, 0.011, 0.5),
    (Build.CAR, VehicleEnd.REAR): _Below(0.1, 0.018, 0.5),
    (Build.VAN, VehicleEnd.FRONT): _Below(0.6, 0.008, 0.5),
    (Build.VAN, VehicleEnd.REAR): _Below(-0.4, 0.030, 0.5),
    (Build.BUS, VehicleEnd.FRONT): _Below(1.8, 0.005, 0.7),
    (Build.BUS, VehicleEnd.REAR): _Below(2.2, 0.005, 0.7),
    (Build.TRUCK, VehicleEnd.FRONT): _Below(-0.4, 0.015, 0.5),
    (Build.TRUCK, VehicleEnd.REAR): _Below(-0.2, 0.030, 0.5),
    (Build.MOTORCYCLE, VehicleEnd.FRONT): _Below(-0.8, -0.010, 0.4),
    (Build.MOTORCYCLE, VehicleEnd.REAR): _Below(-0.3, -0.005, 0.4),
}
_BELOW_OTHERS = _Below(0.0, 0.0, 0.8)
# Standard deviation of the share: 0.8 % from vehicle to vehicle, 1 % with where the sun stands.
_SHARE_SIGMA = 0.013
# How tall boxes are of which no height is known, metres; of heavy vehicles the last.
_TALL_M = {Build.CAR: 1.7, Build.VAN: 2.8, Build.MOTORCYCLE: 1.6}
_HEAVY_TALL_M = 4.0

# The edge of a tyre, of its shadow and of its reflection on a wet road are not told apart.
_CONTACT_SIGMA_M = 0.03
# The lens' height comes from the calibration and is good to about this share.
_CAMERA_HEIGHT_SHARE = 0.05
# Where the height is unknown: cameras over roads hang higher than this.
_LOW_CAMERA_M = 5.0
# What one property does is taken at its mean and so many standard deviations to either side
# (Gauss-Hermite with three nodes): where the bumper's row gives way to the wheel's depends on both
# and is no straight line. Less than this makes no difference.
_NODE, _LEAST_BENT_M = float(np.sqrt(3.0)), 0.003
# Mean cosine between travel and the way the camera looks, below which the vehicle's side is seen.
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
    ground_m: Array,
    directions: Array,
    homography: Homography,
    build: Build | None,
    tall_m: Array,
) -> Reference:
    """The reference points of a vehicle whose bottom edge stands at ground_m (n, 2).

    `directions` (n, 2): unit direction of travel. tall_m (n,): the box's height, in metres where it
    stands, NaN where it is cut off. A build of None stands for a point that is
    known to lie on the road. Without the camera's place nothing is corrected; the height then
    goes into the uncertainty.
    """
    height_m, foot_m = homography.camera_height_m, homography.camera_ground_m
    if height_m is None or foot_m is None:
        return Reference(ground_m, (), unknown_camera_share(build), None)
    view = _View.of(homography, height_m, foot_m)
    headings = directions @ view.axes.T
    end = _end(float(headings[:, 1].mean()))
    if build is None:
        contact = (ground_m - foot_m) * (_CONTACT_SIGMA_M / height_m)
        return Reference(ground_m, (("reference_height", contact),), 0.0, end)
    below = _BELOW.get((build, end), _BELOW_OTHERS)
    by_px = homography.jacobian(homography.to_image(ground_m))
    nearer_m = by_px[:, :, 1]
    lower_m = nearer_m / np.linalg.norm(by_px[:, :, :1], axis=1)
    lower_m *= _known(tall_m, build)[:, None]
    ground_m = ground_m - below.px * nearer_m - below.share * lower_m
    shifts = [
        ("reference_height", below.px_sigma * nearer_m),
        ("reference_height", _SHARE_SIGMA * lower_m),
    ]
    vehicle, spreads = _vehicle(build, end, height_m)
    edge = (ground_m - foot_m) @ view.axes.T
    typical = _middle(vehicle, view, edge, headings)
    mean = typical
    for component, prop, sigma in spreads:
        value = getattr(vehicle, prop)
        more = _middle(replace(vehicle, **{prop: value + _NODE * sigma}), view, edge, headings)
        less = _middle(replace(vehicle, **{prop: value - _NODE * sigma}), view, edge, headings)
        shifts.append((component, (more - less) / (2.0 * _NODE) @ view.axes))
        bent = (more + less - 2.0 * typical) / 6.0
        if np.abs(bent).max() > _LEAST_BENT_M:
            mean = mean + bent
            shifts.append((component, np.sqrt(2.0) * bent @ view.axes))
    corrected = foot_m + mean @ view.axes
    return Reference(corrected, tuple(shifts), 0.0, end)


def _known(tall_m: Array, build: Build) -> Array:
    """Heights (n,) with those that are not known taken from the nearest points that tell them."""
    known = np.flatnonzero(~np.isnan(tall_m))
    if not len(known):
        return np.full(len(tall_m), _TALL_M.get(build, _HEAVY_TALL_M))
    return np.asarray(np.interp(np.arange(len(tall_m)), known, tall_m[known]))


@dataclass(frozen=True, slots=True)
class _View:
    """The camera's axes on the road: rows of `axes` (2, 2) point right (or left) and ahead.

    A column of the picture is a line on the road on which the way to the right grows in
    proportion to the way ahead plus `behind_m`.
    """

    axes: Array
    behind_m: float

    @classmethod
    def of(cls, homography: Homography, height_m: float, foot_m: Array) -> "_View":
        # The last row of ground-to-image is the depth along the optical axis, up to scale.
        row = homography.ground_to_image[2]
        seen = homography.to_ground(homography.valid_area_px.mean(axis=0)[None])[0]
        scale = float(np.hypot(row[0], row[1])) * np.sign(float(row[:2] @ seen + row[2]))
        ahead = row[:2] / scale
        axes = np.array([[-ahead[1], ahead[0]], ahead])
        return cls(axes, float((row[:2] @ foot_m + row[2]) / scale))


def _end(mean_cosine: float) -> VehicleEnd:
    if abs(mean_cosine) < _END_ON:
        return VehicleEnd.SIDE
    return VehicleEnd.REAR if mean_cosine > 0.0 else VehicleEnd.FRONT


def unknown_camera_share(build: Build | None) -> float:
    """Half of the over-read that a low camera would give: the true one lies within twice it."""
    heights = [e.height_m for (one, _), e in _EDGES.items() if one is build]
    return max(0.5 * max(heights, default=0.0), _CONTACT_SIGMA_M) / _LOW_CAMERA_M


@dataclass(frozen=True, slots=True)
class _Vehicle:
    """The lower edge and footprint of a vehicle, and the camera that looks at it."""

    height_m: float
    overhang_m: float
    length_m: float
    width_m: float
    camera_height_m: float


def _middle(vehicle: _Vehicle, view: _View, edge: Array, headings: Array) -> Array:
    """Middle (n, 2) of a vehicle's footprint, in metres right of and ahead of the camera's foot.

    edge (n, 2): where the middle of the box's bottom edge projects to; headings (n, 2): unit
    direction of travel; both in the same axes.
    """
    sine, cosine = np.abs(headings[:, 0]), np.abs(headings[:, 1])
    half_length, half_width = vehicle.length_m / 2.0, vehicle.width_m / 2.0
    by_bumper = edge[:, 1] * (1.0 - vehicle.height_m / vehicle.camera_height_m)
    nearest = np.maximum(by_bumper, edge[:, 1] - vehicle.overhang_m * cosine)
    ahead = nearest + half_length * cosine + half_width * sine
    column = edge[:, 0] / (edge[:, 1] + view.behind_m)
    right = column * (ahead + view.behind_m)
    side = np.column_stack([headings[:, 1], -headings[:, 0]])
    corners = [a * half_length * headings + b * half_width * side for a in (-1, 1) for b in (-1, 1)]
    # The middle column belongs to the middle of the outline: three steps settle it.
    for _ in range(3):
        columns = [
            (right + corner[:, 0]) / (ahead + corner[:, 1] + view.behind_m) for corner in corners
        ]
        outline = (np.max(columns, axis=0) + np.min(columns, axis=0)) / 2.0
        right = right + (column - outline) * (ahead + view.behind_m)
    return np.column_stack([right, ahead])


def _vehicle(
    build: Build, end: VehicleEnd, camera_height_m: float
) -> tuple[_Vehicle, tuple[tuple[str, str, float], ...]]:
    """The typical vehicle of a class, and (component, property, standard deviation) of each."""
    size = build.size
    edge = _EDGES.get((build, end), _WHEEL)
    vehicle = _Vehicle(
        edge.height_m, edge.overhang_m, size.typical_m, size.width_m, camera_height_m
    )
    return vehicle, (
        ("reference_height", "height_m", edge.height_sigma_m),
        ("reference_height", "overhang_m", edge.overhang_sigma_m),
        ("reference_height", "camera_height_m", _CAMERA_HEIGHT_SHARE * camera_height_m),
        ("vehicle_size", "length_m", (size.longest_m - size.shortest_m) / 4.0),
    )
