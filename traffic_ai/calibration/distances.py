"""The road plane from surveyed distances, where no coordinates are known.

Runs when a site file is read. Dash patterns, lane widths and poles beside the road are enough: a
level road seen by a camera with square pixels has four unknowns, its focal length, pitch, roll
and height above the road.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray

from traffic_ai.calibration.homography import build, rms
from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array, Homography

# A pair marked along (across) the road is taken to be so within this angle.
_DIRECTION_SIGMA_DEG = 2.0

# How far the true principal point may lie from the picture's centre, as a share of its width.
# Consumer lenses stay within about 2 %; it is carried into the covariance, hardly fitted.
_CENTRE_SIGMA_SHARE = 0.02

# Beyond this misfit, in stated errors, the distances contradict each other.
_HOPELESS = 8.0
# From here on a plane that stays undetermined is blamed on the worst distance.
_DOUBTFUL = 2.5

# The plane counts as undetermined when a length in its area is uncertain by more than this.
_WORST_SCALE = 0.15

_FOCAL_STARTS = (0.6, 1.2, 2.4, 4.8)
_PITCH_STARTS_DEG = (4.0, 12.0, 25.0, 50.0)
_UNKNOWNS = 7  # log focal, pitch, roll, log height, road heading, centre shift (2)


@dataclass(frozen=True, slots=True)
class KnownDistance:
    """Two image points on the road and the distance between them in metres.

    `along`: True for a pair parallel to the road, False for one square to it, None if unknown.
    A point used in several pairs is recognised by equal coordinates.
    """

    a_px: tuple[float, float]
    b_px: tuple[float, float]
    distance_m: float
    along: bool | None = None


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
    problem = _Problem(tuple(distances), picture_size_px, image_sigma_px, distance_sigma_m)
    problem.check()
    starts = problem.starts()
    camera, jacobian, ratio = problem.refine(starts[0])
    if ratio > _HOPELESS:
        problem.refuse_residual(camera, ratio)
    covariance = _covariance(jacobian) * max(1.0, ratio) ** 2
    problem.check_determined(camera, covariance, starts, ratio)
    matrix = problem.matrix(camera)
    spread = _numeric_jacobian(lambda c: problem.matrix(c).ravel(), camera)
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


@dataclass(frozen=True)
class _Problem:
    distances: tuple[KnownDistance, ...]
    picture_size_px: tuple[int, int]
    image_sigma_px: float
    distance_sigma_m: float

    @cached_property
    def points_px(self) -> Array:
        """Every different clicked point (M, 2)."""
        ends = [p for d in self.distances for p in (d.a_px, d.b_px)]
        return np.array(sorted(set(ends)), float)

    @cached_property
    def _ends(self) -> Array:
        """(N, 2) positions in `points_px` of each pair's ends."""
        place = {tuple(p): i for i, p in enumerate(self.points_px.tolist())}
        return np.array(
            [
                [place[tuple(map(float, d.a_px))], place[tuple(map(float, d.b_px))]]
                for d in self.distances
            ]
        )

    @cached_property
    def distance_m(self) -> Array:
        return np.array([d.distance_m for d in self.distances], float)

    @cached_property
    def _directed(self) -> NDArray[np.int64]:
        return np.flatnonzero([d.along is not None for d in self.distances])

    @cached_property
    def _across(self) -> Array:
        return np.array([0.0 if self.distances[i].along else np.pi / 2 for i in self._directed])

    def check(self) -> None:
        """Refuse what cannot be solved before trying."""
        for number, d in enumerate(self.distances, start=1):
            if not (np.isfinite(d.distance_m) and d.distance_m > 0.0):
                raise CalibrationError(
                    f"distance {number} is {d.distance_m} m; it must be above zero"
                )
            if d.a_px == d.b_px:
                raise CalibrationError(f"distance {number} has the same image point {d.a_px} twice")
        if not (self.image_sigma_px > 0.0 and self.distance_sigma_m > 0.0):
            raise CalibrationError(
                f"errors of {self.image_sigma_px} px and {self.distance_sigma_m} m make no sense; "
                "both must be above zero"
            )
        equations = len(self.distances) + max(0, len(self._directed) - 1)
        if equations < 4:
            raise CalibrationError(
                f"{len(self.distances)} distances, {len(self._directed)} of them with a direction, "
                f"give {equations} equations for 4 unknowns (focal length, pitch, roll, height); "
                "add distances near and far, along and across the road"
            )

    def matrix(self, camera: Array) -> Array:
        """Image to ground (3, 3), up to scale, with a positive third row product on the road."""
        log_f, pitch, roll, log_h = camera[:4]
        width_px, height_px = self.picture_size_px
        cx, cy = width_px * (0.5 + camera[5]), height_px / 2.0 + width_px * camera[6]
        f = np.exp(log_f) * width_px
        inverse_k = np.array([[1 / f, 0, -cx / f], [0, 1 / f, -cy / f], [0, 0, 1.0]])
        c, s = np.cos(roll), np.sin(roll)
        unroll = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        c, s = np.cos(pitch), np.sin(pitch)
        # Rows: right, forward and down in the world of a camera looking `pitch` below level.
        level = np.array([[1.0, 0, 0], [0, -s, c], [0, c, s]])
        h = np.exp(log_h)
        return np.asarray(np.diag([h, h, 1.0]) @ level @ unroll @ inverse_k)

    def _vectors_m(self, camera: Array, points_px: Array) -> Array:
        """Ground vectors (N, 2) of the pairs. Above the horizon the depth is clamped."""
        lifted = np.column_stack([points_px, np.ones(len(points_px))]) @ self.matrix(camera).T
        ground = lifted[:, :2] / np.maximum(lifted[:, 2:], 1e-4)
        return np.asarray(ground[self._ends[:, 1]] - ground[self._ends[:, 0]])

    def length_m(self, camera: Array, points_px: Array) -> Array:
        """Lengths (N,) of the pairs on the ground."""
        return np.asarray(np.linalg.norm(self._vectors_m(camera, points_px), axis=1))

    def _off_direction(self, camera: Array, vectors_m: Array) -> Array:
        """Sine (K,) of each directed pair's angle from where it should point."""
        vectors = vectors_m[self._directed]
        angle = camera[4] + self._across
        cross = vectors[:, 0] * np.sin(angle) - vectors[:, 1] * np.cos(angle)
        return np.asarray(cross / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9))

    def _rough(self, camera: Array) -> Array:
        """Residuals of the camera alone: relative lengths and angles."""
        vectors = self._vectors_m(camera, self.points_px)
        ratio = np.linalg.norm(vectors, axis=1).clip(1e-9) / self.distance_m
        prior = np.concatenate([camera[2:3] / 0.3, camera[5:7] / _CENTRE_SIGMA_SHARE]) * 0.01
        return np.concatenate([np.log(ratio), self._off_direction(camera, vectors), prior])

    def starts(self) -> list[Array]:
        """Cameras (7,) that robust searches from many places ended at, best first."""
        found: list[tuple[float, Array]] = []
        for focal in _FOCAL_STARTS:
            for pitch_deg in _PITCH_STARTS_DEG:
                start = np.array([np.log(focal), np.radians(pitch_deg), 0, np.log(6.0), 0, 0, 0])
                lengths = self.length_m(start, self.points_px)
                start[3] += np.median(np.log(self.distance_m / lengths.clip(1e-9)))
                start[4] = self._heading(start)
                try:
                    solution = scipy.optimize.least_squares(
                        self._rough, start, loss="soft_l1", f_scale=0.03, max_nfev=30
                    )
                except ValueError:
                    continue
                if self._physical(np.asarray(solution.x)):
                    found.append((float(solution.cost), np.asarray(solution.x)))
        if not found:
            raise CalibrationError(
                "no camera above a level road sees these distances; check the image points and "
                "the metres, and which pairs run along the road"
            )
        found.sort(key=lambda item: item[0])
        return [camera for _, camera in found]

    def _heading(self, camera: Array) -> float:
        """Heading of the road that suits the directed pairs, radians, modulo a half turn."""
        vectors = self._vectors_m(camera, self.points_px)[self._directed]
        if not len(vectors):
            return 0.0
        doubled = np.exp(2j * (np.arctan2(vectors[:, 1], vectors[:, 0]) - self._across))
        return float(np.angle(doubled.sum()) / 2.0)

    def _physical(self, camera: Array) -> bool:
        """The road lies below the horizon, the camera looks down and is above the road."""
        lifted = np.column_stack([self.points_px, np.ones(len(self.points_px))])
        depth = lifted @ self.matrix(camera)[2]
        return bool((depth > 2e-4).all() and abs(camera[2]) < 0.8 and abs(camera[1]) < 1.57)

    def _residuals(self, unknown: Array) -> Array:
        """Whitened residuals: lengths, directions, clicks, principal point."""
        camera, offset = unknown[:_UNKNOWNS], unknown[_UNKNOWNS:].reshape(-1, 2)
        vectors = self._vectors_m(camera, self.points_px + offset)
        length = np.linalg.norm(vectors, axis=1)
        return np.concatenate(
            [
                (length - self.distance_m) / self.distance_sigma_m,
                self._off_direction(camera, vectors) / np.radians(_DIRECTION_SIGMA_DEG),
                offset.ravel() / self.image_sigma_px,
                camera[5:7] / _CENTRE_SIGMA_SHARE,
            ]
        )

    def refine(self, camera: Array) -> tuple[Array, Array, float]:
        """Best camera (7,), Jacobian of all residuals, and residual over stated error."""
        start = np.concatenate([camera, np.zeros(2 * len(self.points_px))])
        solution = scipy.optimize.least_squares(
            self._residuals, start, x_scale="jac", max_nfev=200, xtol=1e-10, ftol=1e-10
        )
        pairs = len(self.distances) + len(self._directed)
        # Clicks and centre bring one equation and one unknown each.
        freedom = pairs - 4 - (1 if len(self._directed) else 0)
        ratio = float(np.sqrt(2.0 * solution.cost / freedom)) if freedom > 0 else 0.0
        return np.asarray(solution.x)[:_UNKNOWNS], np.asarray(solution.jac), ratio

    def check_determined(
        self, camera: Array, covariance: Array, starts: list[Array], ratio: float
    ) -> None:
        """Refuse a plane whose lengths are not settled by the distances given."""
        jacobian = _numeric_jacobian(lambda c: np.log(self._probe_lengths(c)), camera)
        variance = np.einsum("ni,ij,nj->n", jacobian, covariance, jacobian)
        open_share = float(np.sqrt(variance.max())) if np.isfinite(variance).all() else np.inf
        open_share = max(open_share, self._rival_share(camera, starts) / 2.0)
        if open_share <= _WORST_SCALE:
            return
        if ratio > _DOUBTFUL:
            self.refuse_residual(camera, ratio)
        raise CalibrationError(
            f"the distances leave lengths on the road open by {100 * open_share:.0f} %; "
            + self._missing()
        )

    def _rival_share(self, camera: Array, starts: list[Array]) -> float:
        """By how much lengths differ in another camera that explains the distances as well."""
        best_cost = float(np.sum(self._rough(starts[0]) ** 2))
        probes = [self._probe_lengths(starts[0])]
        worst = 0.0
        for other in starts[1:]:
            lengths = self._probe_lengths(other)
            if any(np.abs(np.log(lengths / p)).max() < 0.02 for p in probes):
                continue
            probes.append(lengths)
            if float(np.sum(self._rough(other) ** 2)) > 1.5 * best_cost + 1e-3:
                continue
            refined, _, _ = self.refine(other)
            if self._physical(refined) and self._cost(refined) < self._cost(camera) + 4.0:
                change = np.log(self._probe_lengths(refined) / self._probe_lengths(camera))
                worst = max(worst, float(np.abs(change).max()))
        return worst

    def _cost(self, camera: Array) -> float:
        """Twice the negative log likelihood of a camera, its clicks adjusted to it."""

        def misfit(clicks: Array) -> Array:
            return self._residuals(np.concatenate([camera, clicks]))

        clicks = np.zeros(2 * len(self.points_px))
        solution = scipy.optimize.least_squares(misfit, clicks, max_nfev=20)
        return float(2.0 * solution.cost)

    def _probe_lengths(self, camera: Array) -> Array:
        """Metres (2 M,) of a step of one pixel down and right at every clicked point."""
        matrix = self.matrix(camera)
        lengths = []
        for step in ((0.0, 1.0), (1.0, 0.0)):
            ends = []
            for points in (self.points_px, self.points_px + step):
                lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
                ends.append(lifted[:, :2] / np.maximum(lifted[:, 2:], 1e-4))
            lengths.append(np.linalg.norm(ends[1] - ends[0], axis=1))
        return np.concatenate(lengths)

    def _missing(self) -> str:
        """Which kind of distance would help."""
        along = sum(d.along is True for d in self.distances)
        across = sum(d.along is False for d in self.distances)
        if along + across == 0:
            return "mark which distances run along the road and which across it"
        if across == 0:
            return "add distances across the road, near and far, and mark them as such"
        if along == 0:
            return "add distances along the road, near and far, and mark them as such"
        return "add distances nearer to the camera and farther from it, along and across the road"

    def refuse_residual(self, camera: Array, ratio: float) -> None:
        """Name the distance that fits worst."""
        length = self.length_m(camera, self.points_px)
        worst = int(np.argmax(np.abs(np.log(length / self.distance_m))))
        raise CalibrationError(
            f"the distances contradict each other ({ratio:.0f} times their stated errors); "
            f"distance {worst + 1} of {self.distance_m[worst]:g} m reads {length[worst]:.2f} m, "
            "check its points, its metres and whether it runs along the road"
        )


def _numeric_jacobian(function: Callable[[Array], Array], at: Array) -> Array:
    """Central differences (N, K) of a function of (K,) that gives (N,)."""
    step = 1e-6
    columns = [
        (function(at + step * e) - function(at - step * e)) / (2 * step) for e in np.eye(len(at))
    ]
    return np.column_stack(columns)


def _covariance(jacobian: Array) -> Array:
    """Covariance (7, 7) of the camera from the Jacobian of all residuals.

    The clicks are eliminated. A direction the data say nothing about gets a huge variance,
    except the road's heading where no pair has a direction: it moves nothing.
    """
    camera, clicks = jacobian[:, :_UNKNOWNS], jacobian[:, _UNKNOWNS:]
    q, _ = np.linalg.qr(clicks)
    reduced = camera - q @ (q.T @ camera)
    _, values, vt = np.linalg.svd(reduced, full_matrices=False)
    return np.asarray(vt.T @ np.diag(1.0 / np.maximum(values, 1e-6) ** 2) @ vt)
