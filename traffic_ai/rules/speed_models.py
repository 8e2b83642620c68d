"""The motions that a vehicle's points may show: every model of one order, solved at once.

Used by `speed_fit.py`, which says what models there are and averages them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from traffic_ai.core.geometry import Array
from traffic_ai.rules.speed_points import HIGHEST_ORDER, SLOPES, Samples, image_rows

# The stated image noise counts as much as this many residuals when the real one is estimated.
PRIOR_WEIGHT = 3.0

# Nodes of the integral that gives the path's length, and where the speed is told; -1..1.
_NODES, _NODE_WEIGHTS = legendre.leggauss(16)
PROFILE = np.linspace(-1.0, 1.0, 41)


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths of one order: weight (T,), and beta (T, k), coefficients of x, then those of y."""

    order: int
    weight: Array
    beta: Array

    def profile_mps(self, half_s: float) -> Array:
        """The speed at PROFILE, (M,), as far as these paths count."""
        coefficients = self.beta.reshape(-1, 2, self.order + 1)
        along = coefficients @ (_DERIVATIVES[self.order][1].T / half_s)
        return np.asarray(self.weight @ np.hypot(along[:, 0], along[:, 1]))


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one order, one for each of T kinds of noise; the first axis is theirs.

    beta (T, k): coefficients of x, then those of y.
    """

    score: Array
    speed_mps: Array
    variance: Array
    sensitivity: Array
    beta: Array


@dataclass(frozen=True, slots=True)
class _Left:
    """What a path leaves of the points and the shifts, in units of the noise.

    rss (T,): of the points. along (T, K): of the points along each shift; own (T, K, K): of the
    shifts. The first `common` shifts are those of all passes, which no pass can tell.
    """

    rss: Array
    along: Array
    own: Array
    common: int

    def told(self, freedom: float) -> "_Told":
        """The vehicle's own shifts as the points tell them, each a normal variable at first."""
        along, own = self.along[:, self.common :], self.own[:, self.common :, self.common :]
        one = np.eye(along.shape[1])
        rss = self.rss
        for _ in range(2):
            # Student's t with so many degrees of freedom is this much wider than a normal.
            scale2 = rss / freedom
            inverse = np.linalg.inv(own + scale2[:, None, None] * one)
            size = np.einsum("tsr,tr->ts", inverse, along)
            rss = self.rss - np.einsum("ts,ts->t", size, along)
        return _Told(self, rss, rss / freedom, scale2, np.asarray(inverse, float), size)


@dataclass(frozen=True, slots=True)
class _Told:
    """The vehicle's own shifts: size (T, k), in standard deviations of each; rss (T,): what they
    leave of the points; noise2 (T,): the noise's variance, in that stated.
    """

    of: _Left
    rss: Array
    noise2: Array
    scale2: Array
    inverse: Array
    size: Array

    def log_room(self) -> Array:
        """Logarithm (T,) of how much narrower than before each shift is known, all together."""
        return np.asarray(-np.linalg.slogdet(self.scale2[:, None, None] * self.inverse)[1])

    def unknown(self, moved: Array) -> tuple[Array, Array]:
        """What moves with the shifts by `moved` (T, K): by how much still (T, K) for a standard
        deviation of each, and the variance (T,) of what the noise of the points tells of them.
        """
        common, own = moved[:, : self.of.common], moved[:, self.of.common :]
        carried = np.einsum("tsr,tr->ts", self.inverse, own)
        cross = self.of.own[:, : self.of.common, self.of.common :]
        left = self.scale2[:, None] * carried
        variance = np.einsum("ts,ts->t", own - left, left)
        return np.hstack([common - np.einsum("tcs,ts->tc", cross, carried), left]), variance


class Equations:
    """The normal equations of the highest order for all kinds of noise: every shape of it with
    every correlation rho (R, n - 1), by shape, T of them.

    Those of a lower order are a part of them. Columns: the coefficients of x, those of y, the
    points, and each of the shifts. Rows: one image axis after the other, in units of the noise.
    """

    def __init__(
        self, shapes: Sequence[Samples], highest: int, rho: Array, shifts_m: Array, common: int
    ) -> None:
        self._n, self._highest, self._common = len(shapes[0]), highest, common
        self._half_s = float(shapes[0].t_s[-1] - shapes[0].t_s[0]) / 2.0
        self._normal = np.concatenate(
            [_normal(_columns(samples, highest, shifts_m), rho) for samples in shapes]
        )
        of_correlation = 2.0 * np.log1p(-(rho**2)).sum(axis=1)
        self._log_noise = np.concatenate(
            [of_correlation + 2.0 * float(np.log(samples.sigma_px).sum()) for samples in shapes]
        )

    def solve(self, order: int, sigmas: Sequence[float]) -> Models:
        """The fits of one order; sigmas: of the derivatives from the second on."""
        all_k = 2 * (self._highest + 1)
        of = np.concatenate([np.arange(order + 1), self._highest + 1 + np.arange(order + 1)])
        precision = _prior_precision(order, sigmas, self._half_s)
        matrix = self._normal[:, of[:, None], of] + np.diag(np.tile(precision, 2) ** 2)
        right = self._normal[:, of, all_k:]
        inverse = np.linalg.inv(matrix)
        solved = inverse @ right
        # Weighted sums of squares with those of the prior, |target|^2 - beta . right and so on.
        left = self._normal[:, all_k:, all_k:] - np.swapaxes(right, 1, 2) @ solved
        rss = left[:, 0, 0] + PRIOR_WEIGHT
        # Place and mean speed have flat priors and are the same in all models: they take freedom.
        freedom = 2.0 * self._n + PRIOR_WEIGHT - 4.0
        shifts = _Left(rss, left[:, 1:, 0], left[:, 1:, 1:], self._common)
        told = shifts.told(max(freedom - 2.0, 1.0))
        # Evidence of a Gaussian model with its coefficients integrated out and its scale fitted.
        score = freedom * np.log(told.rss / freedom) + self._log_noise + told.log_room()
        score += np.linalg.slogdet(matrix)[1] - 4.0 * np.log(precision[2:]).sum()
        by_own = solved[:, :, 1 + self._common :]
        beta = solved[:, :, 0] - np.einsum("tks,ts->tk", by_own, told.size)
        speed, gradient = self._mean_speed(order, beta)
        spread = ((gradient[:, None] @ inverse)[:, 0] * gradient).sum(axis=1)
        unknown, variance = told.unknown((gradient[:, None] @ solved[:, :, 1:])[:, 0])
        return Models(
            score=score,
            speed_mps=speed,
            variance=told.noise2 * spread + variance,
            sensitivity=unknown,
            beta=beta,
        )

    def _mean_speed(self, order: int, beta: Array) -> tuple[Array, Array]:
        """Path length by duration (T,), and its gradient by the coefficients (T, k)."""
        at_nodes = _DERIVATIVES[order][0] / self._half_s
        velocity = beta.reshape(-1, 2, order + 1) @ at_nodes.T
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        weights = _NODE_WEIGHTS / 2.0
        direction = velocity * (weights / np.maximum(speed, 1e-9))[:, None]
        return speed @ weights, (direction @ at_nodes).reshape(len(beta), -1)


def _columns(samples: Samples, highest: int, shifts_m: Array) -> Array:
    """The columns (2, n, C) of the equations, by image axis."""
    n = len(samples)
    design, target = image_rows(samples, highest)
    scaled = samples.to_px / samples.sigma_px[:, :, None]
    shifted = np.swapaxes(scaled @ shifts_m, 0, 1)
    parts = (design.reshape(2, n, -1), target.reshape(2, n, 1), shifted)
    return np.concatenate(parts, axis=2)


def _derivative_terms(order: int) -> tuple[Array, Array]:
    """The derivative of each Legendre polynomial at the nodes of the integral, and at PROFILE."""
    return (
        legendre.legvander(_NODES, order - 1) @ SLOPES[order],
        legendre.legvander(PROFILE, order - 1) @ SLOPES[order],
    )


_DERIVATIVES = {order: _derivative_terms(order) for order in range(1, HIGHEST_ORDER + 1)}


def _prior_precision(order: int, sigmas: Sequence[float], half_s: float) -> Array:
    """Inverse standard deviations (order + 1,) of the coefficients; 0 for place and speed.

    The j-th derivative d alone gives the j-th Legendre coefficient d h^j / (2 j - 1)!!.
    """
    precision = np.zeros(order + 1)
    odd = 1.0
    for j, sigma in zip(range(2, order + 1), sigmas, strict=False):
        odd *= 2.0 * j - 1.0
        precision[j] = odd / (sigma * half_s**j)
    return precision


def _normal(columns: Array, rho: Array) -> Array:
    """Products (R, C, C) of columns (2, n, C) of both axes with each other, once their correlation
    in time is removed (Markov property).

    rho (R, n - 1): correlation of neighbours, by each of R laws.
    """
    _, n, k = columns.shape
    white = np.empty((len(rho), 2, n, k))
    white[:, :, 0] = columns[:, 0]
    left = rho[:, None, :, None]
    later = np.subtract(columns[:, 1:], left * columns[:, :-1], out=white[:, :, 1:])
    later /= np.sqrt(1.0 - left**2)
    rows = white.reshape(len(rho), 2 * n, k)
    return np.asarray(np.swapaxes(rows, 1, 2) @ rows)
