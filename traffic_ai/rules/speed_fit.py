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

from traffic_ai.core.geometry import Array
from traffic_ai.rules.medians import median
from traffic_ai.rules.speed_models import PRIOR_WEIGHT, PROFILE, Equations, Paths
from traffic_ai.rules.speed_points import HIGHEST_ORDER, Samples, image_rows

# Correlation times tried, in median steps between points. 0 is white noise.
_CORRELATION_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
# Ways through the picture tried: what a detector makes of a vehicle changes as the picture of it
# does, over some 15 px (measured on drawn scenes), and so ever faster as it comes nearer.
_CORRELATION_WAYS_PX = (7.5, 15.0, 30.0, 60.0)

# Noise that varies less than this within a pass is taken as even.
_EVEN_SHARE = 0.2

# What road vehicles mostly do, as standard deviations of a prior on the 2nd, 3rd and 4th derivative
# of the place in time: m/s2 (hard braking is four of these and still found), m/s3, m/s4. It keeps a
# drift of the box from being taken for a change of speed; on long passes it is silent.
_DERIVATIVE_SIGMAS = (1.5, 2.0, 3.0)
# Who keeps his speed does so about as well as this, m/s2. That he keeps it exactly is only held
# against a change that would have to be evident.
_KEPT_SIGMAS = (0.2,)


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
    paths: tuple[Paths, ...]

    def profile(self) -> tuple[Array, Array]:
        """Moments (M,) within the pass, and the speed at each."""
        half_s = (self.end_s - self.start_s) / 2.0
        speed_mps = np.sum([paths.profile_mps(half_s) for paths in self.paths], axis=0)
        return self.start_s + half_s * (1.0 + PROFILE), np.asarray(speed_mps)


def fit_motion(samples: Samples, shifts_m: Array, common: int, steps_px: Array) -> Motion:
    """The motion of one vehicle; `shifts_m` (n, 2, K) are errors common to the whole pass.

    steps_px (n - 1,): its way through the picture from point to point.

    Each shift is carried through the same weights as the points, so a common error that moves
    all points alike costs nothing and one that stretches the road counts in full.
    """
    highest = min(HIGHEST_ORDER, (len(samples) - 1) // 3)
    rho = _correlations(np.diff(samples.t_s), steps_px)
    shapes = [_with_own_noise(shape) for shape in _shapes(samples)]
    equations = Equations(shapes, highest, rho, shifts_m, common)
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
            Paths(motion[0], share, model.beta)
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
    square = (PRIOR_WEIGHT + (residual**2).sum(axis=1)) / (PRIOR_WEIGHT + freedom)
    return Samples(
        samples.t_s, samples.ground_m, samples.to_px, samples.sigma_px * np.sqrt(square)[None]
    )
