"""Repeatable chance by number: a window that is lit, the place of the sun."""

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
