"""Constant-velocity Kalman filter over many tracks at once, with real time steps.

The state (x, y, vx, vy) is in metres on the road plane or in pixels in the image; the filter
does not care which. Process noise is a white acceleration of spectral density q (Bar-Shalom,
Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", 6.2.2).
"""

import numpy as np

from traffic_ai.core.geometry import Array


def predict(state: Array, covariance: Array, dt_s: float, q: Array) -> tuple[Array, Array]:
    """States (N, 4) and covariances (N, 4, 4) dt_s seconds later; q (N,) unit^2 / s^3."""
    f = np.eye(4)
    f[0, 2] = f[1, 3] = dt_s
    noise = np.zeros((4, 4))
    noise[[0, 1], [0, 1]] = dt_s**3 / 3.0
    noise[[0, 1, 2, 3], [2, 3, 0, 1]] = dt_s**2 / 2.0
    noise[[2, 3], [2, 3]] = dt_s
    return state @ f.T, f @ covariance @ f.T + q[:, None, None] * noise


def correct(state: Array, covariance: Array, measured: Array, noise: Array) -> tuple[Array, Array]:
    """States and covariances after measured positions (N, 2) with covariance (N, 2, 2)."""
    innovation_cov = covariance[:, :2, :2] + noise
    gain = covariance[:, :, :2] @ _inverse(innovation_cov)
    innovation = (measured - state[:, :2])[:, :, None]
    new_state = state + (gain @ innovation)[:, :, 0]
    new_cov = covariance - gain @ covariance[:, :2, :]
    return new_state, (new_cov + np.swapaxes(new_cov, 1, 2)) / 2.0


def _inverse(m: Array) -> Array:
    """Inverses of matrices (N, 2, 2)."""
    det = m[:, 0, 0] * m[:, 1, 1] - m[:, 0, 1] * m[:, 1, 0]
    out = np.empty_like(m)
    out[:, 0, 0], out[:, 1, 1] = m[:, 1, 1], m[:, 0, 0]
    out[:, 0, 1], out[:, 1, 0] = -m[:, 0, 1], -m[:, 1, 0]
    return np.asarray(out / det[:, None, None])


def mahalanobis2(
    predicted: Array, predicted_cov: Array, measured: Array, noise: Array
) -> tuple[Array, Array]:
    """Squared distance and log-determinant of its covariance, both (N,).

    predicted, measured (N, 2); their covariances (N, 2, 2).
    """
    s = predicted_cov + noise
    d = measured - predicted
    det = s[:, 0, 0] * s[:, 1, 1] - s[:, 0, 1] * s[:, 1, 0]
    quadratic = (
        s[:, 1, 1] * d[:, 0] ** 2
        - (s[:, 0, 1] + s[:, 1, 0]) * d[:, 0] * d[:, 1]
        + s[:, 0, 0] * d[:, 1] ** 2
    )
    return quadratic / det, np.log(det)
