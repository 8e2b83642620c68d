"""Which detection belongs to which track: a cost from motion, size and overlap, solved globally."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from traffic_ai.core.geometry import Array

FORBIDDEN = 1e6


def assign(cost: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the cheapest assignment that uses no forbidden pair."""
    if cost.size == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, columns = linear_sum_assignment(np.minimum(cost, FORBIDDEN))
    allowed = cost[rows, columns] < FORBIDDEN
    return rows[allowed], columns[allowed]


def size_mismatch2(a: Array, b: Array, sigma: float) -> Array:
    """Squared standardised difference (...) of log width and log height of boxes (..., 4)."""
    log_a = np.log(np.maximum(a[..., 2:] - a[..., :2], 1.0))
    log_b = np.log(np.maximum(b[..., 2:] - b[..., :2], 1.0))
    return np.asarray((((log_a - log_b) / sigma) ** 2).sum(axis=-1))


def unambiguous_pairs(distance: Array, margin: float) -> list[tuple[int, int]]:
    """Pairs (row, column) that are each other's nearest by at least a factor `margin`.

    Forbidden pairs hold infinity. Used where a wrong guess is worse than none.
    """
    pairs = []
    for row in range(distance.shape[0]):
        column = int(np.argmin(distance[row]))
        best = distance[row, column]
        if not np.isfinite(best):
            continue
        others = np.concatenate(
            [np.delete(distance[row], column), np.delete(distance[:, column], row)]
        )
        if others.size == 0 or others.min() >= margin * best:
            pairs.append((row, column))
    return pairs
