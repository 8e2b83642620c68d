"""Random errors that change along a way and in time, each step drawn from the one before."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.simulate.arrays import Floats


def kept(steps: Floats, length: float) -> Array:
    """Correlation (T-1,) left after steps of a way or time that loses it to 1/e over a length."""
    if length <= 0.0:
        return np.zeros(len(steps))
    return np.asarray(np.exp(-steps / length))


def ornstein_uhlenbeck(random: Generator, correlation: Array, width: int) -> Array:
    """(T, width) values of unit variance; correlation (T-1,): from one moment to the next."""
    drawn = random.standard_normal((len(correlation) + 1, width))
    fresh = np.sqrt(1.0 - correlation**2)
    for i, (old, new) in enumerate(zip(correlation.tolist(), fresh.tolist(), strict=True), 1):
        drawn[i] = old * drawn[i - 1] + new * drawn[i]
    return drawn


def held_draws(random: Generator, correlation: Array, width: int) -> Array:
    """(T, width) uniform draws of which each is kept to the next moment so probably."""
    drawn = random.random((len(correlation) + 1, width))
    renewed = random.random((len(correlation), width)) >= correlation[:, None]
    index = np.zeros(drawn.shape, np.int64)
    index[1:] = np.where(renewed, np.arange(1, len(drawn))[:, None], 0)
    return np.asarray(np.take_along_axis(drawn, np.maximum.accumulate(index, axis=0), axis=0))


def heavy_tailed(values: Array, tails: float) -> Array:
    """Unit normal values (...) with heavier tails and the same variance (sinh of the values)."""
    if tails <= 0.0:
        return values
    return np.asarray(np.sinh(tails * values) / np.sqrt(np.expm1(2.0 * tails**2) / 2.0))


def chosen(draws: Array, shares: Array) -> NDArray[np.int64]:
    """Positions (T,) in `shares` (K,) that uniform draws (T,) fall on."""
    edges = np.cumsum(shares / shares.sum())[:-1]
    return np.asarray(np.searchsorted(edges, draws, side="right"), np.int64)
