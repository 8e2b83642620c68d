"""Constant-velocity Kalman filter over many tracks at once, with real time steps.

The state (x, y, vx, vy) is in metres on the road plane or in pixels in the image; the filter
does not care which. Process noise is a white acceleration of spectral density q (Bar-Shalom,
Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", 6.2.2).

The products are written out element by element, each for all tracks: matrices of 4 x 4 are too
small for a matrix library.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array


def predict(state: Array, covariance: Array, dt_s: float, q: Array) -> tuple[Array, Array]:
    """States (N, 4) and covariances (N, 4, 4) dt_s seconds later; q (N,) unit^2 / s^3."""
    later, cov = state.copy(order="K"), covariance.copy(order="K")
    later[:, :2] += dt_s * state[:, 2:]
    drift = dt_s * covariance[:, 2:, 2:]
    cross = covariance[:, :2, 2:]
    cov[:, :2, :2] += dt_s * (cross + covariance[:, 2:, :2] + drift)
    cov[:, :2, 2:] += drift
    cov[:, 2:, :2] += drift
    cov += _process_noise(dt_s) * q[:, None, None]
    return later, cov


def _process_noise(dt_s: float) -> Array:
    """Covariance (4, 4) that a unit of spectral density adds in that time."""
    place, cross = dt_s**3 / 3.0, dt_s**2 / 2.0
    return np.array(
        [
            [place, 0.0, cross, 0.0],
            [0.0, place, 0.0, cross],
            [cross, 0.0, dt_s, 0.0],
            [0.0, cross, 0.0, dt_s],
        ]
    )


@dataclass(frozen=True, slots=True)
class Apart:
    """How far measured places are from predicted ones, and with what covariance.

    by (N, 2): measured less predicted. xx, xy, yy (N,): covariance of that, and its determinant
    det (N,).
    """

    by: Array
    xx: Array
    xy: Array
    yy: Array
    det: Array

    @classmethod
    def of(cls, predicted: Array, measured: Array) -> "Apart":
        """From predicted and measured places with their covariances, both (N, 5)."""
        xx, xy, yy = (predicted[:, 2:] + measured[:, 2:]).T
        return cls(measured[:, :2] - predicted[:, :2], xx, xy, yy, xx * yy - xy * xy)

    @property
    def distance2(self) -> Array:
        """Squared Mahalanobis distance (N,)."""
        x, y = self.by.T
        return np.asarray((self.yy * x**2 - 2.0 * self.xy * x * y + self.xx * y**2) / self.det)


def places(state: Array, covariance: Array) -> Array:
    """Places of states (N, 4) with their covariances, x, y, xx, xy, yy, (N, 5)."""
    x, y, _, _ = state.T
    return np.array([x, y, covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]]).T


def correct(state: Array, covariance: Array, apart: Apart) -> tuple[Array, Array]:
    """States (N, 4) and covariances (N, 4, 4) after places were measured so far apart."""
    x, y = apart.by.T
    toward_x, toward_y = covariance[:, :, 0], covariance[:, :, 1]
    inverse = np.array([apart.yy, -apart.xy, apart.xx]) / apart.det
    gain_x = toward_x * inverse[0][:, None] + toward_y * inverse[1][:, None]
    gain_y = toward_x * inverse[1][:, None] + toward_y * inverse[2][:, None]
    new_state = state + (gain_x * x[:, None] + gain_y * y[:, None])
    told = gain_x[:, :, None] * covariance[:, None, 0] + gain_y[:, :, None] * covariance[:, None, 1]
    new_cov = covariance - told
    return new_state, (new_cov + np.swapaxes(new_cov, 1, 2)) / 2.0
