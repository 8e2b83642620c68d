"""Generalised least squares of a vehicle's motion over a whole pass.

Used by `speed.py`. The road plane position is a polynomial of time in both axes; noise is that of
the image, carried to the ground point by point and correlated in time as an Ornstein-Uhlenbeck
process, which needs no even sampling. How many terms and how much correlation is a question of
evidence: every combination is fitted, and the results averaged with their weights, so that a
doubtful choice enlarges the uncertainty instead of hiding in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array

_HIGHEST_ORDER = 4

# Correlation times tried, in median steps between points. 0 is white noise.
_CORRELATION_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

# The stated image noise counts as much as this many residuals when the real one is estimated.
_PRIOR_WEIGHT = 3.0

# What road vehicles mostly do, as standard deviations of a prior on the 2nd, 3rd and 4th derivative
# of the place in time: m/s2 (hard braking is four of these and still found), m/s3, m/s4. It keeps a
# drift of the box from being taken for a change of speed; on long passes it is silent.
_DERIVATIVE_SIGMAS = (1.5, 2.0, 3.0)

# Residuals beyond this many robust standard deviations are outliers.
_OUTLIER = 5.0

# A step between points is no motion of one vehicle when it misses the motion around it by this.
_JUMP_SIGMAS = 6.0
_JUMP_M = 1.5
_JUMP_SHARE = 0.15


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


@dataclass(frozen=True, slots=True)
class Samples:
    """Points of one vehicle: t_s (n,), ground_m (n, 2), to_px (n, 2, 2) that takes small ground
    vectors to pixels, and sigma_px (n, 2), the stated noise in the image.
    """

    t_s: Array
    ground_m: Array
    to_px: Array
    sigma_px: Array

    def __len__(self) -> int:
        return len(self.t_s)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """The samples at a mask or list of positions."""
        return Samples(
            self.t_s[index], self.ground_m[index], self.to_px[index], self.sigma_px[index]
        )


def vehicle_chains(samples: Samples) -> list[NDArray[np.int64]]:
    """Positions of the points of each single motion, the one with most points first.

    A point belongs to a chain when it lies where the motion around the chain's last point leads,
    within the noise. One vehicle gives one chain and a few stray points; two chains mean that
    the track changed vehicles.
    """
    velocity = _running_velocity(samples)
    to_m = np.linalg.inv(samples.to_px)
    sigma_m = np.sqrt(((to_m * samples.sigma_px[:, None, :]) ** 2).sum(axis=(1, 2)))
    sigma_m = sigma_m * _noise_scale(samples, velocity, sigma_m)
    rest = list(range(len(samples)))
    chains: list[NDArray[np.int64]] = []
    while rest:
        chain, left = rest[:1], rest[:0]
        for i in rest[1:]:
            last = chain[-1]
            step_s = samples.t_s[i] - samples.t_s[last]
            way = (velocity[last] + velocity[i]) / 2.0 * step_s
            miss = np.linalg.norm(samples.ground_m[i] - samples.ground_m[last] - way)
            allowed = max(_JUMP_M, _JUMP_SIGMAS * float(np.hypot(sigma_m[i], sigma_m[last])))
            allowed += _JUMP_SHARE * float(np.linalg.norm(way))
            (chain if miss <= allowed else left).append(i)
        chains.append(np.array(chain, np.int64))
        rest = left
    return sorted(chains, key=len, reverse=True)


def _running_velocity(samples: Samples, reach: int = 5) -> Array:
    """Median of the point-to-point velocities around each point, (n, 2)."""
    n = len(samples)
    # Over two steps where possible: halves the noise of close points.
    lag = 2 if n > 4 else 1
    steps = (samples.ground_m[lag:] - samples.ground_m[:-lag]) / (
        samples.t_s[lag:] - samples.t_s[:-lag]
    )[:, None]
    return np.array(
        [np.median(steps[max(0, i - reach - lag + 1) : i + reach + 1], axis=0) for i in range(n)]
    )


def _noise_scale(samples: Samples, velocity: Array, sigma_m: Array) -> float:
    """Factor >= 1 by which steps scatter more than the stated noise."""
    step_s = np.diff(samples.t_s)[:, None]
    miss = np.diff(samples.ground_m, axis=0) - (velocity[1:] + velocity[:-1]) / 2.0 * step_s
    expected = np.hypot(sigma_m[1:], sigma_m[:-1])
    return max(1.0, float(np.median(np.linalg.norm(miss, axis=1) / expected)) / 0.83)


def smooth_path(samples: Samples) -> tuple[Array, Array]:
    """Places (n, 2) and unit directions of travel (n, 2) on a smooth path; zeros for no motion."""
    order = min(_HIGHEST_ORDER, max(1, (len(samples) - 1) // 4))
    design, target = _image_rows(samples, order)
    beta = np.linalg.lstsq(design, target, rcond=None)[0].reshape(2, order + 1)
    middle, half = _unit_time(samples)
    unit = (samples.t_s - middle) / half
    velocity = legendre.legval(unit, legendre.legder(beta, axis=1).T).T
    length = np.linalg.norm(velocity, axis=1, keepdims=True)
    return legendre.legval(unit, beta.T).T, np.asarray(velocity / np.maximum(length, 1e-9))


def inliers(samples: Samples) -> NDArray[np.bool_]:
    """Mask (n,) of the points that lie on a smooth motion, by a robust fit."""
    n = len(samples)
    order = min(3, max(1, (n - 1) // 4))
    design, target = _image_rows(samples, order)
    weight = np.ones(n)
    for _ in range(12):
        root = np.sqrt(np.tile(weight, 2))
        beta = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        miss = np.linalg.norm((target - design @ beta).reshape(2, n), axis=0)
        weight = 1.0 / np.maximum(miss, 0.3)
    # Median of a Rayleigh variable is 1.18 of its one-axis sigma.
    scale = max(float(np.median(miss)) / 1.18, 0.5)
    return np.asarray(miss <= _OUTLIER * scale)


def _image_rows(samples: Samples, order: int) -> tuple[Array, Array]:
    """Design (2 n, 2 (order + 1)) and target (2 n,) in units of the stated image noise."""
    basis = _basis(samples, order)
    scaled = samples.to_px / samples.sigma_px[:, :, None]
    design = np.concatenate([_rows(scaled[:, axis], basis) for axis in (0, 1)])
    target = np.einsum("nij,nj->in", scaled, samples.ground_m).ravel()
    return design, target


def _rows(to_axis: Array, basis: Array) -> Array:
    """Rows (n, 2 k) of one image axis: first the coefficients of x, then those of y."""
    return np.hstack([to_axis[:, :1] * basis, to_axis[:, 1:] * basis])


def _unit_time(samples: Samples) -> tuple[float, float]:
    start, end = float(samples.t_s[0]), float(samples.t_s[-1])
    return (start + end) / 2.0, (end - start) / 2.0


def _basis(samples: Samples, order: int) -> Array:
    middle, half = _unit_time(samples)
    return np.asarray(legendre.legvander((samples.t_s - middle) / half, order))


def fit_motion(samples: Samples, shifts_m: Array) -> Motion:
    """The motion of one vehicle; `shifts_m` (n, 2, K) are errors common to the whole pass.

    Each shift is carried through the same weights as the points, so a common error that moves
    all points alike costs nothing and one that stretches the road counts in full.
    """
    scaled = _with_own_noise(samples)
    models = [
        _fit_one(scaled, order, steps, shifts_m)
        for order in range(1, min(_HIGHEST_ORDER, (len(samples) - 1) // 3) + 1)
        for steps in _CORRELATION_STEPS
    ]
    usable = [m for m in models if m is not None]
    score = np.array([m.score for m in usable])
    weight = np.exp(-0.5 * (score - score.min()))
    weight /= weight.sum()
    speed = np.array([m.speed_mps for m in usable])
    mean = float(weight @ speed)
    variance = float(weight @ (np.array([m.variance for m in usable]) + (speed - mean) ** 2))
    best = usable[int(np.argmax(weight))]
    duration_s = float(samples.t_s[-1] - samples.t_s[0])
    profile = np.tensordot(weight, np.array([m.profile_mps for m in usable]), 1)
    middle, half = _unit_time(samples)
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
    design, target = _image_rows(samples, order)
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


_NODES, _NODE_WEIGHTS = legendre.leggauss(24)
_PROFILE = np.linspace(-1.0, 1.0, 41)


def _fit_one(samples: Samples, order: int, steps: float, shifts_m: Array) -> _Model | None:
    """One order and one correlation time; None where they cannot be told from the motion."""
    n = len(samples)
    step_s = np.diff(samples.t_s)
    tau_s = steps * float(np.median(step_s))
    duration_s = float(samples.t_s[-1] - samples.t_s[0])
    if tau_s > duration_s / 2.0:
        return None
    rho = np.exp(-step_s / tau_s) if tau_s > 0.0 else np.zeros(n - 1)
    design, target = _image_rows(samples, order)
    scaled = samples.to_px / samples.sigma_px[:, :, None]
    shifted = np.einsum("nij,njk->ink", scaled, shifts_m).reshape(2 * n, -1)
    columns = np.column_stack([design, target, shifted])
    precision = _prior_precision(order, duration_s / 2.0)
    prior = np.zeros((2 * (order + 1), columns.shape[1]))
    prior[:, : 2 * (order + 1)] = np.diag(np.tile(precision, 2))
    white = np.concatenate([_whiten(columns[:n], rho), _whiten(columns[n:], rho), prior])
    k = design.shape[1]
    q, r = np.linalg.qr(white[:, :k])
    inverse = np.linalg.inv(r)
    beta = inverse @ (q.T @ white[:, k:])
    rss = float(np.sum((white[:, k] - white[:, :k] @ beta[:, 0]) ** 2))
    # Place and mean speed have flat priors and are the same in all models: they take freedom.
    freedom = 2.0 * n + _PRIOR_WEIGHT - 4.0
    # Evidence of a Gaussian model with its coefficients integrated out and its scale fitted.
    score = freedom * np.log((rss + _PRIOR_WEIGHT) / freedom)
    score += 2.0 * np.log1p(-(rho**2)).sum() + 2.0 * np.log(np.abs(np.diag(r))).sum()
    score -= 4.0 * np.log(precision[2:]).sum()
    # Student's t with so many degrees of freedom is this much wider than a normal.
    scale2 = (rss + _PRIOR_WEIGHT) / max(freedom - 2.0, 1.0)
    speed, gradient, profile = _mean_speed(beta[:, 0], order, duration_s / 2.0)
    residual = (target - design @ beta[:, 0]).reshape(2, n).T * samples.sigma_px
    return _Model(
        order=order,
        score=float(score),
        speed_mps=speed,
        variance=scale2 * float(np.sum((gradient @ inverse) ** 2)),
        sensitivity=gradient @ beta[:, 1:],
        profile_mps=profile,
        residual_px=np.linalg.norm(residual, axis=1),
    )


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


def _mean_speed(beta: Array, order: int, half_s: float) -> tuple[float, Array, Array]:
    """Path length by duration, its gradient (2 (order + 1),), and the speed at _PROFILE."""
    derivative = np.column_stack(
        [legendre.legder(e) if order else e for e in np.eye(order + 1)]
    )  # (order, order + 1)
    at_nodes = legendre.legvander(_NODES, order - 1) @ derivative / half_s
    coefficients = beta.reshape(2, order + 1)
    velocity = at_nodes @ coefficients.T
    speed = np.linalg.norm(velocity, axis=1)
    direction = velocity / np.maximum(speed, 1e-9)[:, None]
    weights = _NODE_WEIGHTS / 2.0
    gradient = np.concatenate([(weights * direction[:, axis]) @ at_nodes for axis in (0, 1)])
    profile = legendre.legvander(_PROFILE, order - 1) @ derivative / half_s @ coefficients.T
    return float(weights @ speed), gradient, np.linalg.norm(profile, axis=1)
