"""The points of one track on the way to a speed: which belong to one vehicle, and which are wrong.

Used by `speed.py` and `speed_fit.py`. Knows nothing of classes, limits or uncertainty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.rules.medians import median

HIGHEST_ORDER = 4
# By order: the derivative of each Legendre polynomial, as coefficients of the lower ones.
SLOPES = {
    order: np.column_stack([legendre.legder(one) for one in np.eye(order + 1)])
    for order in range(1, HIGHEST_ORDER + 1)
}

# Residuals beyond this many robust standard deviations are outliers.
_OUTLIER = 5.0

# A step between points is no motion of one vehicle when it misses the motion around it by this.
_JUMP_SIGMAS = 6.0
_JUMP_M = 1.5
_JUMP_SHARE = 0.15
# The motion around a point is that of so long before and after it, from steps of so long, each no
# fewer points than these: how often one looks does not matter.
_AROUND_S, _AROUND_POINTS = 0.4, 5
_STEP_S, _STEP_POINTS = 0.16, 2


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

    def rough_kmh(self) -> float | None:
        """Net way by time, for judging whether a refusal is worth telling."""
        if len(self) < 2:
            return None
        way_m = float(np.linalg.norm(self.ground_m[-1] - self.ground_m[0]))
        return way_m / float(self.t_s[-1] - self.t_s[0]) * 3.6

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """The samples at a mask or list of positions."""
        return Samples(
            self.t_s[index], self.ground_m[index], self.to_px[index], self.sigma_px[index]
        )


def vehicle_chains(samples: Samples) -> list[NDArray[np.int64]]:
    """Positions of the points of each single motion, the one with most points first.

    A point belongs to a chain when it lies where the motion around the chain's last point leads,
    within the noise; to the nearest, since one that ended long ago allows much. One vehicle gives
    one chain and a few stray points; two chains mean that the track changed vehicles.
    """
    velocity = _running_velocity(samples)
    sigma_m = _sigma_m(samples)
    way = (velocity[:-1] + velocity[1:]) / 2.0 * np.diff(samples.t_s)[:, None]
    miss = _lengths(np.diff(samples.ground_m, axis=0) - way)
    expected = np.hypot(sigma_m[1:], sigma_m[:-1])
    # Steps may scatter more than the stated noise.
    scale = max(1.0, median(miss / expected) / 0.83)
    allowed = np.maximum(_JUMP_M, _JUMP_SIGMAS * scale * expected) + _JUMP_SHARE * _lengths(way)
    if (miss <= allowed).all():
        return [np.arange(len(samples))]
    sigma_m = sigma_m * scale
    chains: list[list[int]] = []
    for i in range(len(samples)):
        last = np.array([chain[-1] for chain in chains], np.int64)
        step_s = (samples.t_s[i] - samples.t_s[last])[:, None]
        way = (velocity[last] + velocity[i]) / 2.0 * step_s
        miss = np.linalg.norm(samples.ground_m[i] - samples.ground_m[last] - way, axis=1)
        allowed = np.maximum(_JUMP_M, _JUMP_SIGMAS * np.hypot(sigma_m[i], sigma_m[last]))
        allowed += _JUMP_SHARE * np.linalg.norm(way, axis=1)
        miss[miss > allowed] = np.inf
        if np.isfinite(miss).any():
            chains[int(miss.argmin())].append(i)
        else:
            chains.append([i])
    found = [np.array(chain, np.int64) for chain in chains]
    return sorted(found, key=len, reverse=True)


def _sigma_m(samples: Samples) -> Array:
    """The stated noise (n,) on the road."""
    (a, b), (c, d) = samples.to_px.transpose(1, 2, 0)
    x, y = samples.sigma_px.T
    across, down = (d * d + c * c) * (x * x), (a * a + b * b) * (y * y)
    return np.asarray(np.sqrt(across + down) / np.abs(a * d - b * c))


def _lengths(vectors: Array) -> Array:
    """Of vectors (n, 2), (n,)."""
    return np.hypot(vectors[:, 0], vectors[:, 1])


def _running_velocity(samples: Samples) -> Array:
    """Median of the velocities from point to point around each point, (n, 2)."""
    n = len(samples)
    rate_hz = 1.0 / median(np.diff(samples.t_s))
    reach = max(int(_AROUND_S * rate_hz), _AROUND_POINTS)
    # Over two steps where possible: halves the noise of close points.
    lag = max(int(_STEP_S * rate_hz), _STEP_POINTS) if n > 4 else 1
    lag = min(lag, n // 2)
    steps = (samples.ground_m[lag:] - samples.ground_m[:-lag]) / (
        samples.t_s[lag:] - samples.t_s[:-lag]
    )[:, None]
    # Points i - reach to i + reach take part; the ends are padded so that all windows are full.
    width = 2 * reach + lag
    padded = np.full((n + width - 1, 2), np.nan)
    padded[reach + lag - 1 : reach + lag - 1 + len(steps)] = steps
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, width, axis=0), axis=2)
    # What is not a number is sorted last.
    count = (~np.isnan(windows[:, 0])).sum(axis=1)
    rows = np.arange(n)
    return np.asarray((windows[rows, :, (count - 1) // 2] + windows[rows, :, count // 2]) / 2.0)


def smooth_path(samples: Samples) -> tuple[Array, Array]:
    """Places (n, 2) and unit directions of travel (n, 2) on a smooth path; zeros for no motion."""
    places, velocity = _path(samples)
    length = np.hypot(velocity[:, :1], velocity[:, 1:])
    return places, np.asarray(velocity / np.maximum(length, 1e-9))


def fastest_mps(samples: Samples) -> float:
    """The highest speed on that path, as it leads through the points as they are."""
    _, velocity = _path(samples)
    half_s = float(samples.t_s[-1] - samples.t_s[0]) / 2.0
    return float(np.hypot(velocity[:, 0], velocity[:, 1]).max()) / half_s


def _path(samples: Samples) -> tuple[Array, Array]:
    """Places (n, 2) on a smooth path and velocities (n, 2), metres in half of the pass's time."""
    order = min(HIGHEST_ORDER, max(1, (len(samples) - 1) // 4))
    basis = _basis(samples, order)
    design, target = _image_rows(samples, basis)
    beta = np.linalg.lstsq(design, target, rcond=None)[0].reshape(2, order + 1).T
    return basis @ beta, basis[:, :order] @ (SLOPES[order] @ beta)


def along_scale(sigma_px: Array, px_per_m: Array) -> Array:
    """Noise (n, 2) as a straight line over the scale (n,) at which the vehicle is seen."""
    spread, usual_px = px_per_m - px_per_m.mean(), sigma_px.mean(axis=0)
    slope = spread @ (sigma_px - usual_px) / max(float(spread @ spread), 1e-9)
    line = usual_px + spread[:, None] * slope
    return np.asarray(np.minimum(np.maximum(line, sigma_px.min(axis=0)), sigma_px.max(axis=0)))


def inliers(samples: Samples) -> NDArray[np.bool_]:
    """Mask (n,) of the points that lie on a smooth motion, by a robust fit."""
    n = len(samples)
    order = min(3, max(1, (n - 1) // 4))
    design, target = image_rows(samples, order)
    k = design.shape[1]
    rows = np.column_stack([design, target]).reshape(2, n, 1, k + 1)
    # What each point adds to the normal equations.
    added = (design.reshape(2, n, k, 1) * rows).sum(axis=0).reshape(n, -1)
    weight = np.ones(n)
    for _ in range(12):
        normal = (weight @ added).reshape(k, k + 1)
        beta = np.linalg.solve(normal[:, :k], normal[:, k])
        off = (target - design @ beta).reshape(2, n)
        miss = np.hypot(off[0], off[1])
        weight = 1.0 / np.maximum(miss, 0.3)
    # Median of a Rayleigh variable is 1.18 of its one-axis sigma.
    scale = max(median(miss) / 1.18, 0.5)
    return np.asarray(miss <= _OUTLIER * scale)


def image_rows(samples: Samples, order: int) -> tuple[Array, Array]:
    """Design (2 n, 2 (order + 1)) and target (2 n,) in units of the stated image noise."""
    return _image_rows(samples, _basis(samples, order))


def _image_rows(samples: Samples, basis: Array) -> tuple[Array, Array]:
    scaled = np.swapaxes(samples.to_px / samples.sigma_px[:, :, None], 0, 1)
    # By image axis and point; first the coefficients of x, then those of y.
    design = (scaled[..., None] * basis[:, None]).reshape(2 * len(basis), -1)
    target = scaled[..., 0] * samples.ground_m[:, 0] + scaled[..., 1] * samples.ground_m[:, 1]
    return design, target.ravel()


def _basis(samples: Samples, order: int) -> Array:
    """Legendre polynomials (n, order + 1) of time, which is -1 at the pass's start and 1 at its
    end.
    """
    start, end = float(samples.t_s[0]), float(samples.t_s[-1])
    unit = (samples.t_s - (start + end) / 2.0) / ((end - start) / 2.0)
    rows = np.empty((order + 1, len(unit)))
    rows[0], rows[1] = 1.0, unit
    for i in range(2, order + 1):
        rows[i] = (rows[i - 1] * unit * (2 * i - 1) - rows[i - 2] * (i - 1)) / i
    return rows.T
