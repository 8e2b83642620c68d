"""Generalised least squares of a vehicle's motion over a whole pass.

Used by `speed.py`. The place on the road is a polynomial of time in both axes; noise is that of
the image, carried to the ground point by point and correlated as an Ornstein-Uhlenbeck process, in
time or along the vehicle's way through the picture, which needs no even sampling. How many terms
and how much correlation is a question of evidence: every combination is fitted, and the results
averaged with their weights, so that a doubtful choice enlarges the uncertainty instead of hiding in
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from traffic_ai.core.geometry import Array
from traffic_ai.rules.medians import median
from traffic_ai.rules.speed_points import HIGHEST_ORDER, SLOPES, Samples, image_rows

# Correlation times tried, in median steps between points. 0 is white noise.
_CORRELATION_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
# Ways through the picture tried: what a detector makes of a vehicle changes as the picture of it
# does, over some 15 px (measured on drawn scenes), and so ever faster as it comes nearer.
_CORRELATION_WAYS_PX = (7.5, 15.0, 30.0, 60.0)

# The stated image noise counts as much as this many residuals when the real one is estimated.
_PRIOR_WEIGHT = 3.0

# Noise that varies less than this within a pass is taken as even.
_EVEN_SHARE = 0.2

# What road vehicles mostly do, as standard deviations of a prior on the 2nd, 3rd and 4th derivative
# of the place in time: m/s2 (hard braking is four of these and still found), m/s3, m/s4. It keeps a
# drift of the box from being taken for a change of speed; on long passes it is silent.
_DERIVATIVE_SIGMAS = (1.5, 2.0, 3.0)
# Who keeps his speed does so about as well as this, m/s2. That he keeps it exactly is only held
# against a change that would have to be evident.
_KEPT_SIGMAS = (0.2,)

# Nodes of the integral that gives the path's length, and where the speed is told; -1..1.
_NODES, _NODE_WEIGHTS = legendre.leggauss(16)
_PROFILE = np.linspace(-1.0, 1.0, 41)


@dataclass(frozen=True, slots=True)
class Motion:
    """A motion fitted over [start_s, end_s], and how its mean speed moves with its inputs.

    speed_mps: length of the fitted path by its duration. noise_mps: standard uncertainty from
    noise, correlation and choice of model. steady: posterior weight of a constant velocity.
    sensitivity_mps (K,): change of the speed with each of the shifts given. residual_px (n,):
    distance of each point used from the path, in the image. paths: what the profile is told by.
    """

    start_s: float
    end_s: float
    speed_mps: float
    noise_mps: float
    steady: float
    evidence: float
    sensitivity_mps: Array
    length_m: float
    residual_px: Array
    paths: "tuple[_Paths, ...]"

    def profile(self) -> tuple[Array, Array]:
        """Moments (M,) within the pass, and the speed at each."""
        half_s = (self.end_s - self.start_s) / 2.0
        speed_mps = np.sum([paths.profile_mps(half_s) for paths in self.paths], axis=0)
        return self.start_s + half_s * (1.0 + _PROFILE), np.asarray(speed_mps)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Paths of one order: weight (T,), and beta (T, k), coefficients of x, then those of y."""

    order: int
    weight: Array
    beta: Array

    def profile_mps(self, half_s: float) -> Array:
        """The speed at _PROFILE, (M,), as far as these paths count."""
        coefficients = self.beta.reshape(-1, 2, self.order + 1)
        along = coefficients @ (_DERIVATIVES[self.order][1].T / half_s)
        return np.asarray(self.weight @ np.hypot(along[:, 0], along[:, 1]))


def fit_motion(samples: Samples, shifts_m: Array, common: int, steps_px: Array) -> Motion:
    """The motion of one vehicle; `shifts_m` (n, 2, K) are errors common to the whole pass.

    steps_px (n - 1,): its way through the picture from point to point.

    Each shift is carried through the same weights as the points, so a common error that moves
    all points alike costs nothing and one that stretches the road counts in full.
    """
    highest = min(HIGHEST_ORDER, (len(samples) - 1) // 3)
    rho = _correlations(np.diff(samples.t_s), steps_px)
    shapes = [_with_own_noise(shape) for shape in _shapes(samples)]
    equations = _Equations(shapes, highest, rho, shifts_m, common)
    motions: list[tuple[int, Sequence[float]]]
    motions = [(order, _KEPT_SIGMAS) for order in range(1, min(highest, 2) + 1)]
    motions += [(order, _DERIVATIVE_SIGMAS) for order in range(2, highest + 1)]
    models = [equations.solve(*motion) for motion in motions]
    score = np.concatenate([m.score for m in models])
    weight = np.exp(-0.5 * (score - score.min()))
    evidence = float(np.log(weight.sum()) - 0.5 * score.min())
    even = len(models[0].score)
    steady = float(weight[:even].sum() / weight.sum())
    if highest > 1:
        weight = np.exp(-0.5 * (score - score[even:].min()))
        weight[:even] = 0.0
    weight /= weight.sum()
    speed = np.concatenate([m.speed_mps for m in models])
    mean = float(weight @ speed)
    variance = float(weight @ (np.concatenate([m.variance for m in models]) + (speed - mean) ** 2))
    likeliest, of_noise = divmod(int(np.argmax(weight)), even)
    order, best = motions[likeliest][0], models[likeliest].beta[of_noise]
    return Motion(
        start_s=float(samples.t_s[0]),
        end_s=float(samples.t_s[-1]),
        speed_mps=mean,
        noise_mps=float(np.sqrt(variance)),
        steady=steady,
        evidence=evidence,
        sensitivity_mps=weight @ np.concatenate([m.sensitivity for m in models]),
        length_m=mean * float(samples.t_s[-1] - samples.t_s[0]),
        residual_px=_residual_px(shapes[of_noise // len(rho)], order, best),
        paths=tuple(
            _Paths(motion[0], share, model.beta)
            for motion, share, model in zip(
                motions, weight.reshape(len(models), even), models, strict=True
            )
        ),
    )


def _residual_px(samples: Samples, order: int, beta: Array) -> Array:
    """Distance (n,) of each point from a path, in the image."""
    design, target = image_rows(samples, order)
    off = (target - design @ beta).reshape(2, -1) * samples.sigma_px.T
    return np.asarray(np.hypot(off[0], off[1]))


def _correlations(steps_s: Array, steps_px: Array) -> Array:
    """Correlation (T, n - 1) of neighbours by each law that is no longer than half the pass."""
    times_s = np.array(_CORRELATION_STEPS) * median(steps_s)
    times_s = times_s[times_s <= steps_s.sum() / 2.0]
    ways_px = np.array(_CORRELATION_WAYS_PX)
    ways_px = ways_px[ways_px <= steps_px.sum() / 2.0]
    white = np.where(times_s > 0.0, 1.0, 0.0)[:, None]
    in_time = np.exp(-steps_s / np.where(times_s > 0.0, times_s, np.inf)[:, None]) * white
    return np.concatenate([in_time, np.exp(-steps_px / ways_px[:, None])])


def _shapes(samples: Samples) -> list[Samples]:
    """The samples with the stated noise, and with one that is the same all the way.

    A detector's errors grow with the box; those of a picture that shakes do not, and where they are
    large the far end would be trusted too much.
    """
    even = np.sqrt(np.mean(samples.sigma_px**2, axis=0))
    if np.ptp(samples.sigma_px, axis=0).max() < _EVEN_SHARE * even.max():
        return [samples]
    alike = np.broadcast_to(even, samples.sigma_px.shape)
    return [samples, Samples(samples.t_s, samples.ground_m, samples.to_px, alike)]


def _with_own_noise(samples: Samples) -> Samples:
    """The samples with the stated noise of each image axis scaled to that of the residuals."""
    n = len(samples)
    order = min(3, max(1, (n - 1) // 4))
    design, target = image_rows(samples, order)
    beta = np.linalg.lstsq(design, target, rcond=None)[0]
    residual = (target - design @ beta).reshape(2, n)
    freedom = max(1.0, n - order - 1.0)
    square = (_PRIOR_WEIGHT + (residual**2).sum(axis=1)) / (_PRIOR_WEIGHT + freedom)
    return Samples(
        samples.t_s, samples.ground_m, samples.to_px, samples.sigma_px * np.sqrt(square)[None]
    )


@dataclass(frozen=True, slots=True)
class _Models:
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


class _Equations:
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

    def solve(self, order: int, sigmas: Sequence[float]) -> _Models:
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
        rss = left[:, 0, 0] + _PRIOR_WEIGHT
        # Place and mean speed have flat priors and are the same in all models: they take freedom.
        freedom = 2.0 * self._n + _PRIOR_WEIGHT - 4.0
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
        return _Models(
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
    """The derivative of each Legendre polynomial at the nodes of the integral, and at _PROFILE."""
    return (
        legendre.legvander(_NODES, order - 1) @ SLOPES[order],
        legendre.legvander(_PROFILE, order - 1) @ SLOPES[order],
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
    white = white.reshape(len(rho), 2 * n, k)
    return np.asarray(np.swapaxes(white, 1, 2) @ white)
