"""A camera above a level road, fitted to known distances between image points.

Used by `distances.py`. Unknown are the focal length, pitch, roll and height; the road's heading in
the picture, where pairs have a direction; and a small shift of the principal point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from traffic_ai.calibration.solver import least_squares
from traffic_ai.core.errors import CalibrationError
from traffic_ai.core.geometry import Array

# A pair marked along (across) the road is taken to be so within this angle.
_DIRECTION_SIGMA_DEG = 2.0

# How far the true principal point may lie from the picture's centre, as a share of its width.
# Consumer lenses stay within about 2 %; it is carried into the covariance, hardly fitted.
_CENTRE_SIGMA_SHARE = 0.02

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


@dataclass(frozen=True)
class DistanceProblem:
    """The distances of one calibration; a camera is (7,), see _UNKNOWNS."""

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
        """Surveyed lengths (N,)."""
        return np.array([d.distance_m for d in self.distances], float)

    @cached_property
    def directed(self) -> NDArray[np.int64]:
        """Positions (K,) of the pairs with a direction."""
        return np.flatnonzero([d.along is not None for d in self.distances])

    @cached_property
    def _across(self) -> Array:
        return np.array([0.0 if self.distances[i].along else np.pi / 2 for i in self.directed])

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
        vectors = vectors_m[self.directed]
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
                    solution = least_squares(
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
        vectors = self._vectors_m(camera, self.points_px)[self.directed]
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
        solution = least_squares(
            self._residuals, start, x_scale="jac", max_nfev=200, xtol=1e-10, ftol=1e-10
        )
        pairs = len(self.distances) + len(self.directed)
        # Clicks and centre bring one equation and one unknown each.
        freedom = pairs - 4 - (1 if len(self.directed) else 0)
        ratio = float(np.sqrt(2.0 * solution.cost / freedom)) if freedom > 0 else 0.0
        return np.asarray(solution.x)[:_UNKNOWNS], np.asarray(solution.jac), ratio

    def rival_share(self, camera: Array, starts: list[Array]) -> float:
        """By how much lengths differ in another camera that explains the distances as well."""
        best_cost = float(np.sum(self._rough(starts[0]) ** 2))
        probes = [self.probe_lengths(starts[0])]
        worst = 0.0
        for other in starts[1:]:
            lengths = self.probe_lengths(other)
            if any(np.abs(np.log(lengths / p)).max() < 0.02 for p in probes):
                continue
            probes.append(lengths)
            if float(np.sum(self._rough(other) ** 2)) > 1.5 * best_cost + 1e-3:
                continue
            refined, _, _ = self.refine(other)
            if self._physical(refined) and self._cost(refined) < self._cost(camera) + 4.0:
                change = np.log(self.probe_lengths(refined) / self.probe_lengths(camera))
                worst = max(worst, float(np.abs(change).max()))
        return worst

    def _cost(self, camera: Array) -> float:
        """Twice the negative log likelihood of a camera, its clicks adjusted to it."""

        def misfit(clicks: Array) -> Array:
            return self._residuals(np.concatenate([camera, clicks]))

        clicks = np.zeros(2 * len(self.points_px))
        solution = least_squares(misfit, clicks, max_nfev=20)
        return float(2.0 * solution.cost)

    def probe_lengths(self, camera: Array) -> Array:
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


def numeric_jacobian(function: Callable[[Array], Array], at: Array) -> Array:
    """Central differences (N, K) of a function of (K,) that gives (N,)."""
    step = 1e-6
    columns = [
        (function(at + step * e) - function(at - step * e)) / (2 * step) for e in np.eye(len(at))
    ]
    return np.column_stack(columns)


def camera_covariance(jacobian: Array) -> Array:
    """Covariance (7, 7) of the camera from the Jacobian of all residuals.

    The clicks are eliminated. A direction the data say nothing about gets a huge variance,
    except the road's heading where no pair has a direction: it moves nothing.
    """
    camera, clicks = jacobian[:, :_UNKNOWNS], jacobian[:, _UNKNOWNS:]
    q, _ = np.linalg.qr(clicks)
    reduced = camera - q @ (q.T @ camera)
    _, values, vt = np.linalg.svd(reduced, full_matrices=False)
    return np.asarray(vt.T @ np.diag(1.0 / np.maximum(values, 1e-6) ** 2) @ vt)
