"""The road plane from surveyed points: image points with known places on the road.

Runs when a site file is read; gives the `Homography` every speed and place in metres rests on.
"""

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traffic_ai.calibration.homography import build, depth_sign, rms
from traffic_ai.calibration.solver import levenberg_marquardt
from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array, Homography

# The fit is refused when its residuals are this many times what the stated errors explain. Up to
# there the covariance is enlarged by what was found.
_HOPELESS = 8.0

# Three points are collinear when the triangle's height is below this share of its longest side.
_COLLINEAR = 0.02


def fit_plane(
    points_px: ArrayLike,
    ground_m: ArrayLike,
    picture_size_px: tuple[int, int],
    image_sigma_px: float = 1.5,
    ground_sigma_m: float = 0.05,
    valid_area_px: ArrayLike | None = None,
) -> Homography:
    """The homography that maps image points (N, 2) to their places (N, 2) in metres, N >= 4.

    Maximum likelihood for independent errors of image_sigma_px (the clicks) and ground_sigma_m
    (the survey). With more than four points the covariance is enlarged when the residuals exceed
    those. The area is the hull of the points grown by a tenth unless one is given. Raises
    CalibrationError.
    """
    points, ground = _checked(points_px, ground_m)
    if not (image_sigma_px > 0.0 and ground_sigma_m >= 0.0):
        raise CalibrationError(
            f"errors of {image_sigma_px} px and {ground_sigma_m} m make no sense; "
            "give the size of a typical click error in pixels, above zero"
        )
    to_unit_px, to_unit_m = _normaliser(points), _normaliser(ground)
    unit_px, unit_m = _apply(to_unit_px, points), _apply(to_unit_m, ground)
    start = _linear(unit_px, unit_m)
    _check_handed(start, unit_px)
    sigma_px = image_sigma_px * to_unit_px[0, 0]
    sigma_m = ground_sigma_m * to_unit_m[0, 0]
    elements, covariance, ratio = _refine(start, unit_px, unit_m, sigma_px, sigma_m)
    unit_matrix = np.append(elements, 1.0).reshape(3, 3)
    _check_handed(unit_matrix, unit_px)
    # h = L (unit elements), L the Kronecker form of  inv(to_unit_m) . unit . to_unit_px.
    spread = np.kron(np.linalg.inv(to_unit_m), to_unit_px.T)
    matrix = (spread @ unit_matrix.ravel()).reshape(3, 3)
    covariance9 = spread[:, :8] @ covariance @ spread[:, :8].T
    residual_m = np.linalg.norm(_project(matrix, points) - ground, axis=1)
    if ratio > _HOPELESS:
        _refuse_residual(points, ground, residual_m, ratio, image_sigma_px)
    area = None if valid_area_px is None else np.array(valid_area_px, float)
    return build(matrix, covariance9, rms(residual_m), points, picture_size_px, area)


def residuals_m(homography: Homography, points_px: ArrayLike, ground_m: ArrayLike) -> Array:
    """How far (N,) each calibration point's image lands from its surveyed place, metres.

    A single large value shows a bad click; with four points all are zero, whatever was clicked.
    """
    found = homography.to_ground(np.asarray(points_px, float))
    return np.asarray(np.linalg.norm(found - np.asarray(ground_m, float), axis=1))


def _checked(points_px: ArrayLike, ground_m: ArrayLike) -> tuple[Array, Array]:
    points, ground = np.array(points_px, float), np.array(ground_m, float)
    if points.ndim != 2 or points.shape[1:] != (2,) or points.shape != ground.shape:
        raise CalibrationError(
            f"calibration needs as many image points as ground points, two numbers each; "
            f"got shapes {points.shape} and {ground.shape}"
        )
    if not (np.isfinite(points).all() and np.isfinite(ground).all()):
        raise CalibrationError("a calibration point is not a number; check the coordinates")
    if len(points) < 4:
        raise CalibrationError(f"{len(points)} calibration points; a road plane needs at least 4")
    for name, place in (("image", points), ("ground", ground)):
        _check_spread(name, place)
    return points, ground


def _check_spread(name: str, place: Array) -> None:
    """Some four points must have no three on a line, or the plane is not determined."""
    best: tuple[float, tuple[int, ...]] = (-1.0, ())
    n = len(place)
    # Four points chosen far apart suffice; all quadruples of many points would take too long.
    candidates = np.arange(n) if n <= 12 else np.unique(_corners(place))
    for four in itertools.combinations(candidates, 4):
        triples = list(itertools.combinations(four, 3))
        flatness = [_flatness(place[list(three)]) for three in triples]
        worst = int(np.argmin(flatness))
        if flatness[worst] > best[0]:
            best = (flatness[worst], triples[worst])
        if best[0] >= _COLLINEAR:
            return
    numbers = ", ".join(str(i + 1) for i in best[1])
    raise CalibrationError(
        f"{name} points {numbers} lie on one line (or coincide) and no other four points do "
        "without; add points off that line, spread in width and depth"
    )


def _corners(place: Array) -> NDArray[np.int64]:
    """Positions of the extreme points in twelve directions."""
    angles = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    unit = (place - place.mean(axis=0)) / place.std(axis=0).clip(1e-12)
    reach = unit @ np.array([np.cos(angles), np.sin(angles)])
    return np.asarray(np.argmax(reach, axis=0), np.int64)


def _flatness(triangle: Array) -> float:
    sides = triangle - np.roll(triangle, 1, axis=0)
    longest2 = float((sides**2).sum(axis=1).max())
    if longest2 == 0.0:
        return 0.0
    doubled_area = abs(float(sides[0, 0] * sides[1, 1] - sides[0, 1] * sides[1, 0]))
    return doubled_area / longest2


def _normaliser(points: Array) -> Array:
    """Similarity (3, 3) that centres points and makes their mean distance sqrt(2) (Hartley)."""
    centre = points.mean(axis=0)
    scale = np.sqrt(2.0) / np.linalg.norm(points - centre, axis=1).mean()
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1.0]])


def _apply(similarity: Array, points: Array) -> Array:
    return np.asarray(points * similarity[0, 0] + similarity[:2, 2])


def _project(matrix: Array, points: Array) -> Array:
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(lifted[:, :2] / lifted[:, 2:])


def _linear(unit_px: Array, unit_m: Array) -> Array:
    """Direct linear transform: the null vector of the stacked cross products."""
    one = np.column_stack([unit_px, np.ones(len(unit_px))])
    zero = np.zeros_like(one)
    rows = np.vstack(
        [
            np.hstack([one, zero, -unit_m[:, :1] * one]),
            np.hstack([zero, one, -unit_m[:, 1:] * one]),
        ]
    )
    matrix = np.linalg.svd(rows)[2][-1].reshape(3, 3)
    if abs(matrix[2, 2]) < 1e-9:
        raise CalibrationError(
            "the horizon runs through the middle of the calibration points; "
            "their order in the picture and on the ground does not agree"
        )
    return np.asarray(matrix / matrix[2, 2])


def _check_handed(unit_matrix: Array, unit_px: Array) -> None:
    """All points on one side of the horizon, and the ground not seen in a mirror."""
    side = depth_sign(unit_matrix, unit_px)
    if (side != side[0]).any():
        wrong = int(np.flatnonzero(side != np.sign(side.sum() or side[0]))[0]) + 1
        raise CalibrationError(
            f"calibration point {wrong} would lie behind the horizon; its image and ground "
            "coordinates do not belong together, check the order of the points"
        )
    # d ground / d image has the sign of det(matrix) / w^3; pictures have y down.
    if np.linalg.det(unit_matrix) * side[0] > 0.0:
        raise CalibrationError(
            "the ground coordinates are mirrored: seen from above, the second axis must lie to "
            "the left of the first (right/forward, or east/north); swap the two coordinates"
        )


def _refine(
    start: Array, unit_px: Array, unit_m: Array, sigma_px: float, sigma_m: float
) -> tuple[Array, Array, float]:
    """Maximum-likelihood elements (8,), covariance (8, 8), and residual over stated error.

    Gauss-Newton on ground residuals, whitened by the click error carried to the ground plus the
    survey's; the weights follow the estimate (Hartley and Zisserman 2003, section 4.2.6).
    """
    elements = start.ravel()[:8]
    for _ in range(4):
        whitener = _whitener(elements, unit_px, sigma_px, sigma_m)

        def misfit(h: Array, whitener: Array = whitener) -> tuple[Array, Array]:
            ground, slope = _with_slope(h, unit_px)
            difference = (whitener @ (ground - unit_m)[:, :, None]).ravel()
            return difference, (whitener @ slope).reshape(-1, 8)

        elements, residual, jacobian = levenberg_marquardt(misfit, elements)
    information = jacobian.T @ jacobian
    covariance = np.linalg.pinv(information, rcond=1e-14, hermitian=True)
    freedom = 2 * len(unit_px) - 8
    ratio = float(np.sqrt(residual @ residual / freedom)) if freedom else 0.0
    return elements, np.asarray(covariance * max(1.0, ratio) ** 2, float), ratio


def _with_slope(elements: Array, unit_px: Array) -> tuple[Array, Array]:
    """Where image points (N, 2) lie on the ground, and how that changes with the elements
    (N, 2, 8).
    """
    matrix = np.append(elements, 1.0).reshape(3, 3)
    one = np.column_stack([unit_px, np.ones(len(unit_px))])
    lifted = one @ matrix.T
    ground = lifted[:, :2] / lifted[:, 2:]
    by_w = one / lifted[:, 2:]
    slope = np.zeros((len(one), 2, 8))
    slope[:, 0, :3] = slope[:, 1, 3:6] = by_w
    slope[:, :, 6:] = -ground[:, :, None] * by_w[:, None, :2]
    return ground, slope


def _whitener(elements: Array, unit_px: Array, sigma_px: float, sigma_m: float) -> Array:
    """(N, 2, 2): takes a ground residual to units of its standard deviation."""
    matrix = np.append(elements, 1.0).reshape(3, 3)
    w = unit_px @ matrix[2, :2] + 1.0
    ground = _project(matrix, unit_px)
    jacobian = (matrix[None, :2, :2] - ground[:, :, None] * matrix[None, 2:, :2]) / w[:, None, None]
    covariance = sigma_px**2 * jacobian @ np.swapaxes(jacobian, 1, 2) + sigma_m**2 * np.eye(2)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))


def _refuse_residual(
    points: Array, ground: Array, residual_m: Array, ratio: float, image_sigma_px: float
) -> None:
    """Name the point whose removal helps most."""
    rest: list[float] = []
    for i in range(len(points)):
        keep = np.arange(len(points)) != i
        try:
            start = _linear(
                _apply(_normaliser(points[keep]), points[keep]),
                _apply(_normaliser(ground[keep]), ground[keep]),
            )
        except CalibrationError:
            rest.append(np.inf)
            continue
        fitted = _project(start, _apply(_normaliser(points[keep]), points[keep]))
        rest.append(rms(fitted - _apply(_normaliser(ground[keep]), ground[keep])))
    # With five points any four fit exactly: then only the size of the residual is a hint.
    worst = int(np.argmin(rest)) if len(points) > 5 else int(np.argmax(residual_m))
    raise CalibrationError(
        f"the calibration points do not fit one plane: residuals are {ratio:.0f} times what "
        f"clicks off by {image_sigma_px} px explain (rms {rms(residual_m):.2f} m); point "
        f"{worst + 1} at {np.round(points[worst], 1).tolist()} px fits worst, check its place"
    )
