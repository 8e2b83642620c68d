"""Parts that every way of calibrating shares: the gauge of the matrix, the area, the camera.

A calibration finds nine numbers up to scale. `Homography` wants the last one to be 1 and the
covariance of the other eight.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array, Homography

# How far the default area reaches beyond the hull of the calibration points, as a share of the
# hull's size. Points are clicked on lane markings while the middle of a vehicle's box may stand a
# little outside them; the error of the plane grows quadratically outside, so it stays a little.
AREA_GROWTH = 0.10

# A horizon through pixel (0, 0) would make the last element zero. It is held at this share of the
# matrix' scale instead, which moves ground points by less than 1e-5 of their distance.
_LEAST_LAST = 1e-7

# A camera whose height is uncertain by more than this share is as good as unknown.
_HEIGHT_UNCERTAINTY_LIMIT = 0.3


def in_gauge(matrix: Array, covariance9: Array) -> tuple[Array, Array]:
    """The matrix (3, 3) with last element 1 and the covariance (8, 8) of the others.

    covariance9 (9, 9) belongs to the nine elements as given. First-order propagation of
    h_i / h_9; ground points do not depend on the gauge, so neither does their covariance.
    """
    scale = float(np.abs(matrix[2] * [1e3, 1e3, 1.0]).max())
    last = float(matrix[2, 2])
    if abs(last) < _LEAST_LAST * scale:
        last = float(np.copysign(_LEAST_LAST * scale, last))
    h = matrix.ravel() / last
    h[8] = 1.0
    jacobian = np.zeros((8, 9))
    jacobian[:, :8] = np.eye(8) / last
    jacobian[:, 8] = -h[:8] / last
    covariance = jacobian @ covariance9 @ jacobian.T
    return h.reshape(3, 3), (covariance + covariance.T) / 2.0


def depth_sign(matrix: Array, points_px: Array) -> NDArray[np.float64]:
    """Which side of the horizon image points (N, 2) lie on: +1 or -1 each."""
    return np.asarray(np.sign(points_px @ matrix[2, :2] + matrix[2, 2]))


def default_area(matrix: Array, points_px: Array, picture_size_px: tuple[int, int]) -> Array:
    """Convex hull (K, 2) of image points, grown by AREA_GROWTH, inside the picture.

    Grown less where that would come near the horizon: everywhere in the area the denominator of
    the projection stays at least half of what it is at the calibration point farthest away.
    """
    hull = shapely.MultiPoint(points_px).convex_hull
    if not isinstance(hull, shapely.Polygon):
        raise CalibrationError("the calibration points lie on one line; add points beside it")
    corners = np.asarray(hull.exterior.coords)[:-1]
    centre = np.asarray(hull.centroid.coords)[0]
    sign = depth_sign(matrix, centre[None])[0]

    def nearness(points: Array) -> float:
        return float((sign * (points @ matrix[2, :2] + matrix[2, 2])).min())

    growth = AREA_GROWTH
    while growth > 1e-3:
        grown = centre + (1.0 + growth) * (corners - centre)
        if nearness(grown) >= 0.5 * nearness(corners):
            break
        growth /= 2.0
    else:
        grown = corners
    width_px, height_px = picture_size_px
    inside = shapely.Polygon(grown).intersection(shapely.box(0, 0, width_px, height_px))
    if not isinstance(inside, shapely.Polygon) or inside.area == 0.0:
        raise CalibrationError(
            f"the calibration points lie outside the picture of {width_px}x{height_px} px; "
            "check the picture size they were clicked in"
        )
    return np.asarray(inside.exterior.coords)[:-1]


def check_area(matrix: Array, area_px: Array, points_px: Array) -> None:
    """Raise CalibrationError when a given area crosses the horizon of the plane."""
    if len(area_px) < 3:
        raise CalibrationError(f"valid_area_px has {len(area_px)} corners; give at least 3")
    reference = depth_sign(matrix, points_px)[0]
    beyond = np.flatnonzero(depth_sign(matrix, area_px) != reference)
    if len(beyond):
        corner = np.round(area_px[beyond[0]], 1).tolist()
        raise CalibrationError(
            f"corner {corner} of valid_area_px lies above the horizon of the road plane; "
            "keep the area on the road"
        )


def locate_camera(
    matrix: Array, covariance: Array, picture_size_px: tuple[int, int], points_px: Array
) -> tuple[float, Array] | None:
    """Height of the lens above the plane and the ground point (2,) below it.

    Assumes square pixels and the principal point at the picture's centre (Zhang 2000, section
    3.1, with the focal length the only unknown). None where that has no physical solution or
    the height would be uncertain by more than 30 %, as in a view straight down.
    """
    found = _decompose(matrix, picture_size_px, points_px)
    if found is None:
        return None
    height_m, foot_m = found
    values, vectors = np.linalg.eigh(covariance)
    variance = 0.0
    for value, vector in zip(values, vectors.T, strict=True):
        step = np.append(np.sqrt(max(float(value), 0.0)) * vector, 0.0).reshape(3, 3)
        moved = _decompose(matrix + step, picture_size_px, points_px)
        if moved is None:
            return None
        variance += (moved[0] - height_m) ** 2
    if variance > (_HEIGHT_UNCERTAINTY_LIMIT * height_m) ** 2:
        return None
    return height_m, foot_m


def _decompose(
    matrix: Array, picture_size_px: tuple[int, int], points_px: Array
) -> tuple[float, Array] | None:
    shift = np.eye(3)
    shift[:2, 2] = -np.asarray(picture_size_px) / 2.0
    if abs(np.linalg.det(matrix)) < 1e-300:
        return None
    to_image = shift @ np.linalg.inv(matrix)
    to_image /= np.linalg.norm(to_image)
    a, b, _ = to_image.T
    # Two columns of K R: orthogonal, and of one length. Linear in 1 / f^2; the halved second
    # makes the pair turn like a vector when the ground axes are turned.
    slope = np.array([a[:2] @ b[:2], (a[:2] @ a[:2] - b[:2] @ b[:2]) / 2.0])
    constant = np.array([a[2] * b[2], (a[2] ** 2 - b[2] ** 2) / 2.0])
    if slope @ slope < 1e-18 * (a[:2] @ a[:2] + b[:2] @ b[:2]) ** 2:
        return None
    inverse_f2 = -float(slope @ constant) / float(slope @ slope)
    if inverse_f2 <= 0.0:
        return None
    inverse_k = np.diag([np.sqrt(inverse_f2), np.sqrt(inverse_f2), 1.0])
    pose = inverse_k @ to_image
    scale = float(np.sqrt((pose[:, 0] @ pose[:, 0] + pose[:, 1] @ pose[:, 1]) / 2.0))
    pose /= scale
    mismatch = np.hypot(pose[:, 0] @ pose[:, 1], (pose[:, 0] @ pose[:, 0] - 1.0))
    if mismatch > 0.25:
        return None
    pose *= _towards_camera(matrix, pose, points_px)
    rotation = np.column_stack([pose[:, 0], pose[:, 1], np.cross(pose[:, 0], pose[:, 1])])
    u, _, vt = np.linalg.svd(rotation)
    centre = -(u @ vt).T @ pose[:, 2]
    height_m = abs(float(centre[2]))
    return (height_m, np.asarray(centre[:2])) if height_m > 0.0 else None


def _towards_camera(matrix: Array, pose: Array, points_px: Array) -> float:
    """+1 or -1: the sign that puts the calibrated road before the camera."""
    centre = np.append(points_px.mean(axis=0), 1.0)
    ground = matrix @ centre
    depth = float(pose[2] @ (ground / ground[2]))
    return float(np.sign(depth)) or 1.0


def rms(values: Array) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def build(
    matrix: Array,
    covariance9: Array,
    rms_error_m: float,
    points_px: Array,
    picture_size_px: tuple[int, int],
    valid_area_px: Array | None,
) -> Homography:
    """The `Homography` of a matrix found up to scale with its covariance (9, 9)."""
    gauged, covariance = in_gauge(matrix, covariance9)
    if valid_area_px is None:
        area_px = default_area(gauged, points_px, picture_size_px)
    else:
        area_px = np.array(valid_area_px, float)
        check_area(gauged, area_px, points_px)
    camera = locate_camera(gauged, covariance, picture_size_px, points_px)
    height_m, foot_m = camera if camera is not None else (None, None)
    return Homography(gauged, covariance, rms_error_m, area_px, height_m, foot_m)
