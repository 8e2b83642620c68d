"""Generalised least squares of a vehicle's motion over a whole pass.

Used by `speed.py`. The place on the road is a polynomial of time in both axes; noise is that of
the image, carried to the ground point by point and correlated in time as an Ornstein-Uhlenbeck
process, which needs no even sampling. How many terms and how much correlation is a question of
evidence: every combination is fitted, and the results averaged with their weights, so that a
doubtful choice enlarges the uncertainty instead of hiding in it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from traffic_ai.core.geometry import Array
from traffic_ai.rules.speed_points import HIGHEST_ORDER, Samples, image_rows, unit_time

# Correlation times tried, in median steps between points. 0 is white noise.
_CORRELATION_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

# The stated image noise counts as much as this many residuals when the real one is estimated.
_PRIOR_WEIGHT = 3.0

# What road vehicles mostly do, as standard deviations of a prior on the 2nd, 3rd and 4th derivative
# of the place in time: m/s2 (hard braking is four of these and still found), m/s3, m/s4. It keeps a
# drift of the box from being taken for a change of speed; on long passes it is silent.
_DERIVATIVE_SIGMAS = (1.5, 2.0, 3.0)

# Nodes of the integral that gives the path's length, and where the speed is told; -1..1.
_NODES, _NODE_WEIGHTS = legendre.leggauss(16)
_PROFILE = np.linspace(-1.0, 1.0, 41)


@dataclass(frozen=True, slots=True)
class Motion:
    """A motion fitted over [start_s, end_s], and how its mean speed moves with its inputs.

    speed_mps: length of the fitted path by its duration. noise_mps: standard uncertainty from
    noise, correlation and choice of model. steady: posterior weight of a constant velocity.
    sensitivity_mps (K,): change of the speed with each of the shifts given. profile_mps (M,) at
    profile_s (M,): the speed within the pass. residual_px (n,): distance of each point used from
    the path, in the image.
    """

    start_s: float
    end_s: float
    speed_mps: float
    noise_mps: float
    steady: float
    sensitivity_mps: Array
    length_m: float
    profile_s: Array
    profile_mps: Array
    residual_px: Array


def fit_motion(samples: Samples, shifts_m: Array) -> Motion:
    """The motion of one vehicle; `shifts_m` (n, 2, K) are errors common to the whole pass.

    Each shift is carried through the same weights as the points, so a common error that moves
    all points alike costs nothing and one that stretches the road counts in full.
    """
    scaled = _with_own_noise(samples)
    duration_s = float(samples.t_s[-1] - samples.t_s[0])
    times_s = np.array(_CORRELATION_STEPS) * float(np.median(np.diff(samples.t_s)))
    orders = range(1, min(HIGHEST_ORDER, (len(samples) - 1) // 3) + 1)
    usable = [
        system.solve(float(tau_s))
        for system in (_System(scaled, order, shifts_m) for order in orders)
        for tau_s in times_s[times_s <= duration_s / 2.0]
    ]
    score = np.array([m.score for m in usable])
    weight = np.exp(-0.5 * (score - score.min()))
    weight /= weight.sum()
    speed = np.array([m.speed_mps for m in usable])
    mean = float(weight @ speed)
    variance = float(weight @ (np.array([m.variance for m in usable]) + (speed - mean) ** 2))
    best = usable[int(np.argmax(weight))]
    profile = np.tensordot(weight, np.array([m.profile_mps for m in usable]), 1)
    middle, half = unit_time(samples)
    return Motion(
        start_s=float(samples.t_s[0]),
        end_s=float(samples.t_s[-1]),
        speed_mps=mean,
        noise_mps=float(np.sqrt(variance)),
        steady=float(weight[[m.order == 1 for m in usable]].sum()),
        sensitivity_mps=np.tensordot(weight, np.array([m.sensitivity for m in usable]), 1),
        length_m=mean * duration_s,
        profile_s=middle + half * _PROFILE,
        profile_mps=profile,
        residual_px=best.residual_px,
    )


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
class _Model:
    order: int
    score: float
    speed_mps: float
    variance: float
    sensitivity: Array
    profile_mps: Array
    residual_px: Array


class _System:
    """The equations of one polynomial order, to be solved for each correlation time.

    Columns: the coefficients of x, those of y, the points, and each of the shifts. Rows: one image
    axis after the other, in units of the noise.
    """

    def __init__(self, samples: Samples, order: int, shifts_m: Array) -> None:
        self._samples, self._order = samples, order
        self._half_s = float(samples.t_s[-1] - samples.t_s[0]) / 2.0
        self._step_s = np.diff(samples.t_s)
        design, target = image_rows(samples, order)
        scaled = samples.to_px / samples.sigma_px[:, :, None]
        shifted = np.einsum("nij,njk->ink", scaled, shifts_m).reshape(2 * len(samples), -1)
        self._design, self._target = design, target
        self._columns = np.column_stack([design, target, shifted])
        self._precision = _prior_precision(order, self._half_s)
        k = design.shape[1]
        self._prior = np.zeros((k, self._columns.shape[1]))
        self._prior[:, :k] = np.diag(np.tile(self._precision, 2))

    def solve(self, tau_s: float) -> _Model:
        """The fit with noise whose correlation falls to 1/e in tau_s (0: white noise)."""
        n, k = len(self._samples), self._design.shape[1]
        rho = np.exp(-self._step_s / tau_s) if tau_s > 0.0 else np.zeros(n - 1)
        halves = (self._columns[:n], self._columns[n:])
        white = np.concatenate([*(_whiten(half, rho) for half in halves), self._prior])
        q, r = np.linalg.qr(white[:, :k])
        inverse = np.linalg.inv(r)
        beta = inverse @ (q.T @ white[:, k:])
        rss = float(np.sum((white[:, k] - white[:, :k] @ beta[:, 0]) ** 2)) + _PRIOR_WEIGHT
        # Place and mean speed have flat priors and are the same in all models: they take freedom.
        freedom = 2.0 * n + _PRIOR_WEIGHT - 4.0
        # Evidence of a Gaussian model with its coefficients integrated out and its scale fitted.
        score = freedom * np.log(rss / freedom)
        score += 2.0 * np.log1p(-(rho**2)).sum() + 2.0 * np.log(np.abs(np.diag(r))).sum()
        score -= 4.0 * np.log(self._precision[2:]).sum()
        # Student's t with so many degrees of freedom is this much wider than a normal.
        scale2 = rss / max(freedom - 2.0, 1.0)
        speed, gradient, profile = self._mean_speed(beta[:, 0])
        residual = (self._target - self._design @ beta[:, 0]).reshape(2, n).T
        return _Model(
            order=self._order,
            score=float(score),
            speed_mps=speed,
            variance=scale2 * float(np.sum((gradient @ inverse) ** 2)),
            sensitivity=gradient @ beta[:, 1:],
            profile_mps=profile,
            residual_px=np.linalg.norm(residual * self._samples.sigma_px, axis=1),
        )

    @cached_property
    def _derivative(self) -> tuple[Array, Array]:
        """Velocity at the nodes of the integral, and at _PROFILE, from the coefficients."""
        order = self._order
        terms = np.column_stack([legendre.legder(e) for e in np.eye(order + 1)]) / self._half_s
        return (
            legendre.legvander(_NODES, order - 1) @ terms,
            legendre.legvander(_PROFILE, order - 1) @ terms,
        )

    def _mean_speed(self, beta: Array) -> tuple[float, Array, Array]:
        """Path length by duration, its gradient by the coefficients, the speed at _PROFILE."""
        at_nodes, at_profile = self._derivative
        coefficients = beta.reshape(2, self._order + 1)
        velocity = at_nodes @ coefficients.T
        speed = np.linalg.norm(velocity, axis=1)
        weights = _NODE_WEIGHTS / 2.0
        direction = velocity * (weights / np.maximum(speed, 1e-9))[:, None]
        gradient = (direction.T @ at_nodes).ravel()
        profile = np.linalg.norm(at_profile @ coefficients.T, axis=1)
        return float(weights @ speed), gradient, profile


def _prior_precision(order: int, half_s: float) -> Array:
    """Inverse standard deviations (order + 1,) of the coefficients; 0 for place and speed.

    The j-th derivative d alone gives the j-th Legendre coefficient d h^j / (2 j - 1)!!.
    """
    precision = np.zeros(order + 1)
    odd = 1.0
    for j, sigma in zip(range(2, order + 1), _DERIVATIVE_SIGMAS, strict=False):
        odd *= 2.0 * j - 1.0
        precision[j] = odd / (sigma * half_s**j)
    return precision


def _whiten(columns: Array, rho: Array) -> Array:
    """Columns (n, K) of one axis with their correlation in time removed (Markov property)."""
    out = columns.copy()
    out[1:] = (columns[1:] - rho[:, None] * columns[:-1]) / np.sqrt(1.0 - rho**2)[:, None]
    return out
