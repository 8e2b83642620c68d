"""Checks of a camera's calibration: enough points of one kind that determine a road plane.

Part of the fifth step of reading a site file.
"""

import numpy as np

from traffic_ai.calibration.plane import residuals_m
from traffic_ai.config.build import build_homography, calibration_points
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale, reference_size
from traffic_ai.config.problems import KeyPath, show
from traffic_ai.config.schema import CalibrationModel, CalibrationPointModel, CameraModel
from traffic_ai.config.shapes import ShapeCheck
from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Homography

_LEAST_POINTS = 4
# A calibration point this many standard deviations off its place is probably a slip.
_SUSPECT_SIGMAS = 4.0
# Cameras hang between these heights above the road; a drone may be higher than the upper.
_LIKELY_HEIGHTS_M = (1.0, 150.0)
# Shapes of picture that cameras give, for files that do not say which: 16:9, 4:3, 11:9, 16:10.
_COMMON_SIZES_PX = ((1280, 720), (960, 720), (880, 720), (1152, 720))


def check_calibration(
    camera: CameraModel, at: KeyPath, scale: PictureScale, shapes: ShapeCheck, notes: Notes
) -> Homography | None:
    """The road plane in nominal pixels, None where there is none or it cannot be found."""
    calibration = camera.calibration
    if calibration is None:
        return None
    at = (*at, "calibration")
    before = len(notes.remarks)
    if calibration.points is not None and calibration.distances is not None:
        message = "points and distances are both given"
        notes.error(at, message, "keep the points, they say more; remove distances")
    elif calibration.points is not None:
        _check_points(calibration.points, (*at, "points"), shapes, notes)
    elif calibration.distances is not None:
        for index, distance in enumerate(calibration.distances):
            shapes.line(distance.image, (*at, "distances", index, "image"))
    else:
        hint = "give four or more points, or surveyed distances"
        notes.error(at, "neither points nor distances are given", hint)
    if calibration.valid_area is not None:
        shapes.polygon(calibration.valid_area, (*at, "valid_area"))
    if len(notes.remarks) > before:
        return None
    return _solve(camera, calibration, at, scale, notes)


def _check_points(
    points: tuple[CalibrationPointModel, ...], at: KeyPath, shapes: ShapeCheck, notes: Notes
) -> None:
    if len(points) < _LEAST_POINTS:
        message = f"{len(points)} calibration points; a road plane needs at least {_LEAST_POINTS}"
        notes.error(at, message, "add points spread in width and depth, no three on a line")
    kinds = set()
    for index, point in enumerate(points):
        here = (*at, index)
        shapes.inside((point.image,), (*here, "image"))
        given = [key for key in ("ground_m", "lon_lat") if getattr(point, key) is not None]
        kinds.update(given)
        if len(given) != 1:
            message = "both ground_m and lon_lat are given" if given else "the place is missing"
            notes.error(here, message, "give ground_m: [x, y] or lon_lat: [longitude, latitude]")
        elif point.lon_lat is not None:
            _check_degrees(point.lon_lat, (*here, "lon_lat"), notes)
    if len(kinds) > 1:
        message = "some points are given in metres and some in degrees"
        notes.error(at, message, "give ground_m for all points, or lon_lat for all")


def _check_degrees(lon_lat: tuple[float, float], at: KeyPath, notes: Notes) -> None:
    lon, lat = lon_lat
    if abs(lat) < 90 and abs(lon) <= 180:
        return
    swapped = abs(lon) < 90 and abs(lat) <= 180
    hint = f"longitude first: {show([lat, lon])}?" if swapped else "give degrees, longitude first"
    notes.error(at, f"{show(list(lon_lat))} is no longitude and latitude", hint)


def _solve(
    camera: CameraModel,
    calibration: CalibrationModel,
    at: KeyPath,
    scale: PictureScale,
    notes: Notes,
) -> Homography | None:
    sizes_px = [scale.size_px]
    if calibration.distances is not None and reference_size(camera.coordinates) is None:
        # Distances are solved with the picture's shape, which fractions alone do not tell.
        sizes_px += [size_px for size_px in _COMMON_SIZES_PX if size_px != scale.size_px]
    found = _attempt(calibration, scale)
    if isinstance(found, CalibrationError):
        others = (PictureScale.of(camera.coordinates, *size_px) for size_px in sizes_px[1:])
        if any(isinstance(_attempt(calibration, other), Homography) for other in others):
            return None  # the real picture will tell
        message, _, hint = str(found).partition("; ")
        key = "points" if calibration.points is not None else "distances"
        if calibration.valid_area is not None:
            bare = calibration.model_copy(update={"valid_area": None})
            if isinstance(_attempt(bare, scale), Homography):
                key, message = "valid_area", "the area reaches above the horizon of the road plane"
        notes.error((*at, key), message, hint)
        return None
    if calibration.points is not None:
        _check_residuals(calibration, found, at, scale, notes)
    _check_height(found, at, notes)
    return found


def _attempt(calibration: CalibrationModel, scale: PictureScale) -> Homography | CalibrationError:
    try:
        return build_homography(calibration, scale)
    except CalibrationError as error:
        return error


def _check_residuals(
    calibration: CalibrationModel,
    homography: Homography,
    at: KeyPath,
    scale: PictureScale,
    notes: Notes,
) -> None:
    """Warn of a point that lies far from where the others say it is."""
    points_px, ground_m = calibration_points(calibration, scale)
    found_m = residuals_m(homography, points_px, ground_m)
    click_px2 = np.eye(2) * (calibration.image_sigma_px * scale.click_scale) ** 2
    spread = homography.ground_covariance(points_px, click_px2)
    sigma_m = np.sqrt(np.trace(spread, axis1=1, axis2=2) / 2.0 + calibration.ground_sigma_m**2)
    worst = int(np.argmax(found_m / sigma_m))
    ratio = float(found_m[worst] / sigma_m[worst])
    if ratio > _SUSPECT_SIGMAS:
        notes.warn(
            (*at, "points", worst),
            f"this point lands {found_m[worst]:.2f} m off its place, {ratio:.0f} times what "
            "image_sigma_px and ground_sigma_m explain",
            "check its click and its survey, or state larger errors",
        )


def _check_height(homography: Homography, at: KeyPath, notes: Notes) -> None:
    """Warn of a camera at a height where none hangs: places that are not in metres."""
    height_m = homography.camera_height_m
    lowest_m, highest_m = _LIKELY_HEIGHTS_M
    if height_m is None or lowest_m <= height_m <= highest_m:
        return
    notes.warn(
        at,
        f"by it the camera is {height_m:.3g} m above the road",
        "give places and distances in metres, or every speed is wrong by the same factor",
    )
