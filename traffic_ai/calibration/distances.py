"""The road plane from surveyed distances, where no coordinates are known.

Runs when a site file is read. Dash patterns, lane widths and poles beside the road are enough: a
level road seen by a camera with square pixels has four unknowns, its focal length, pitch, roll
and height above the road.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from traffic_ai.calibration.homography import build, rms
from traffic_ai.calibration.road_camera import (
    DistanceProblem,
    KnownDistance,
    camera_covariance,
    numeric_jacobian,
)
from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array, Homography

# Beyond this misfit, in stated errors, the distances contradict each other.
_HOPELESS = 8.0
# From here on a plane that stays undetermined is blamed on the worst distance.
_DOUBTFUL = 2.5

# The plane counts as undetermined when a length in its area is uncertain by more than this.
_WORST_SCALE = 0.15


def fit_distances(
    distances: Sequence[KnownDistance],
    picture_size_px: tuple[int, int],
    image_sigma_px: float = 1.5,
    distance_sigma_m: float = 0.05,
    valid_area_px: ArrayLike | None = None,
) -> Homography:
    """The road plane that the distances agree on; ground origin below the camera, y forward.

    Robust multi-start search over the camera's four unknowns and the road's heading, then maximum
    likelihood over these and every clicked point. The covariance is enlarged when the residuals
    exceed the stated errors. Raises CalibrationError where the plane is not determined.
    """
    problem = DistanceProblem(tuple(distances), picture_size_px, image_sigma_px, distance_sigma_m)
    _check(problem)
    starts = problem.starts()
    camera, jacobian, ratio = problem.refine(starts[0])
    if ratio > _HOPELESS:
        _refuse_residual(problem, camera, ratio)
    covariance = camera_covariance(jacobian) * max(1.0, ratio) ** 2
    _check_determined(problem, camera, covariance, starts, ratio)
    matrix = problem.matrix(camera)
    spread = numeric_jacobian(lambda c: problem.matrix(c).ravel(), camera)
    residual = problem.length_m(camera, problem.points_px) - problem.distance_m
    area = None if valid_area_px is None else np.array(valid_area_px, float)
    return build(
        matrix,
        spread @ covariance @ spread.T,
        rms(residual),
        problem.points_px,
        picture_size_px,
        area,
    )


def _check(problem: DistanceProblem) -> None:
    """Refuse what cannot be solved before trying."""
    for number, d in enumerate(problem.distances, start=1):
        if not (np.isfinite(d.distance_m) and d.distance_m > 0.0):
            raise CalibrationError(f"distance {number} is {d.distance_m} m; it must be above zero")
        if d.a_px == d.b_px:
            raise CalibrationError(f"distance {number} has the same image point {d.a_px} twice")
    if not (problem.image_sigma_px > 0.0 and problem.distance_sigma_m > 0.0):
        raise CalibrationError(
            f"errors of {problem.image_sigma_px} px and {problem.distance_sigma_m} m make no "
            "sense; both must be above zero"
        )
    equations = len(problem.distances) + max(0, len(problem.directed) - 1)
    if equations < 4:
        raise CalibrationError(
            f"{len(problem.distances)} distances, {len(problem.directed)} of them with a "
            f"direction, give {equations} equations for 4 unknowns (focal length, pitch, roll, "
            "height); add distances near and far, along and across the road"
        )


def _check_determined(
    problem: DistanceProblem, camera: Array, covariance: Array, starts: list[Array], ratio: float
) -> None:
    """Refuse a plane whose lengths are not settled by the distances given."""
    jacobian = numeric_jacobian(lambda c: np.log(problem.probe_lengths(c)), camera)
    variance = np.einsum("ni,ij,nj->n", jacobian, covariance, jacobian)
    open_share = float(np.sqrt(variance.max())) if np.isfinite(variance).all() else np.inf
    open_share = max(open_share, problem.rival_share(camera, starts) / 2.0)
    if open_share <= _WORST_SCALE:
        return
    if ratio > _DOUBTFUL:
        _refuse_residual(problem, camera, ratio)
    raise CalibrationError(
        f"the distances leave lengths on the road open by {100 * open_share:.0f} %; "
        + _missing(problem)
    )


def _missing(problem: DistanceProblem) -> str:
    """Which kind of distance would help."""
    along = sum(d.along is True for d in problem.distances)
    across = sum(d.along is False for d in problem.distances)
    if along + across == 0:
        return "mark which distances run along the road and which across it"
    if across == 0:
        return "add distances across the road, near and far, and mark them as such"
    if along == 0:
        return "add distances along the road, near and far, and mark them as such"
    return "add distances nearer to the camera and farther from it, along and across the road"


def _refuse_residual(problem: DistanceProblem, camera: Array, ratio: float) -> None:
    """Name the distance that fits worst."""
    length = problem.length_m(camera, problem.points_px)
    worst = int(np.argmax(np.abs(np.log(length / problem.distance_m))))
    raise CalibrationError(
        f"the distances contradict each other ({ratio:.0f} times their stated errors); "
        f"distance {worst + 1} of {problem.distance_m[worst]:g} m reads {length[worst]:.2f} m, "
        "check its points, its metres and whether it runs along the road"
    )


__all__ = ["KnownDistance", "fit_distances"]
