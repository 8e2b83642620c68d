"""Repeatable value noise over the plane: the grain of asphalt, grass and leaves."""

import numpy as np

from traffic_ai.simulate.arrays import Floats, Ints


def hashed(a: Ints, b: Ints, seed: int) -> Floats:
    """A fixed pseudo-random number in [0, 1) for every pair of integers."""
    x = (
        a.astype(np.uint32) * np.uint32(374761393)
        + b.astype(np.uint32) * np.uint32(668265263)
        + np.uint32(seed * 2246822519 % 2**32)
    )
    x = (x ^ (x >> np.uint32(13))) * np.uint32(1274126177)
    x ^= x >> np.uint32(16)
    return (x * np.uint32(2654435761) >> np.uint32(8)).astype(np.float32) / np.float32(2**24)


def value_noise(x: Floats, y: Floats, seed: int) -> Floats:
    """Smooth noise in [0, 1] with a grain of one unit."""
    x0, y0 = np.floor(x), np.floor(y)
    u, v = x - x0, y - y0
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, j = x0.astype(np.int64), y0.astype(np.int64)
    top = hashed(i, j, seed) * (1 - u) + hashed(i + 1, j, seed) * u
    low = hashed(i, j + 1, seed) * (1 - u) + hashed(i + 1, j + 1, seed) * u
    return np.asarray(top * (1 - v) + low * v)


def layered_noise(
    x_m: Floats, y_m: Floats, grain_m: float, layers: int, seed: int, footprint_m: Floats
) -> Floats:
    """Noise about zero, each layer half as coarse and half as strong as the last.

    A layer fades where a picture pixel covers more ground than its grain.
    """
    total = np.zeros(x_m.shape)
    for layer in range(layers):
        grain = grain_m / 2**layer
        fade = np.clip(1.6 - footprint_m / grain, 0.0, 1.0)
        total += (value_noise(x_m / grain, y_m / grain, seed + layer) - 0.5) * fade / 2**layer
    return total
