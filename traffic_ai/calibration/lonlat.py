"""Longitude and latitude to local metres, for calibration points read off a map.

Runs before `plane.fit_plane` when a site file gives its points in degrees.
"""

import numpy as np
from numpy.typing import ArrayLike

from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array

# WGS 84 ellipsoid.
_MAJOR_M = 6378137.0
_FLATTENING = 1.0 / 298.257223563
_ECCENTRICITY2 = _FLATTENING * (2.0 - _FLATTENING)

# Points farther from their middle than this do not belong to one camera's view.
_FARTHEST_M = 5000.0


def to_metres(lonlat_deg: ArrayLike) -> tuple[Array, Array]:
    """East and north (N, 2) in metres of points (N, 2) given as longitude, latitude in degrees.

    Also gives the origin, longitude and latitude (2,), about the middle of the points. The plane
    touches the ellipsoid there; distances are exact on it but for its curvature, which shortens
    d metres from the origin by d^3 / (6 R^2): 4 micrometres at 1 km. A road z metres above the
    ellipsoid is longer by z / R, 0.016 % at 1000 m, which is not corrected. A sixth decimal of a
    degree is 0.11 m: give seven. Raises CalibrationError.
    """
    degrees = np.array(lonlat_deg, float)
    if degrees.ndim != 2 or degrees.shape[1] != 2 or len(degrees) == 0:
        raise CalibrationError(f"lon/lat points need two numbers each, got shape {degrees.shape}")
    for lon_deg, lat_deg in degrees:
        if not (abs(lat_deg) < 90.0 and abs(lon_deg) <= 360.0):
            raise CalibrationError(
                f"({lon_deg}, {lat_deg}) is no longitude and latitude; give degrees, longitude "
                "first"
            )
    geocentric = _geocentric(degrees)
    middle = geocentric.mean(axis=0)
    # Latitude from a geocentric point near the ellipsoid (Bowring at height zero).
    lon = np.arctan2(middle[1], middle[0])
    lat = np.arctan2(middle[2], np.hypot(middle[0], middle[1]) * (1.0 - _ECCENTRICITY2))
    origin_deg = np.degrees(np.array([lon, lat]))
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    offset = geocentric - _geocentric(origin_deg[None])[0]
    metres = np.column_stack([offset @ east, offset @ north])
    farthest = int(np.argmax(np.hypot(metres[:, 0], metres[:, 1])))
    if np.hypot(*metres[farthest]) > _FARTHEST_M:
        raise CalibrationError(
            f"point {farthest + 1} at {degrees[farthest].tolist()} is more than 5 km from the "
            "others; check its degrees and their order (longitude first)"
        )
    return metres, origin_deg


def _geocentric(degrees: Array) -> Array:
    """Earth-centred metres (N, 3) of longitude, latitude (N, 2) on the ellipsoid."""
    lon, lat = np.radians(degrees).T
    normal = _MAJOR_M / np.sqrt(1.0 - _ECCENTRICITY2 * np.sin(lat) ** 2)
    return np.column_stack(
        [
            normal * np.cos(lat) * np.cos(lon),
            normal * np.cos(lat) * np.sin(lon),
            normal * (1.0 - _ECCENTRICITY2) * np.sin(lat),
        ]
    )
