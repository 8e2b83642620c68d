"""Which detection belongs to which track: a cost from motion, size and overlap, solved globally."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array

FORBIDDEN = 1e6


def assign(cost: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the cheapest assignment with as many allowed pairs as can be.

    Pairs that have only each other need no search.
    """
    rows, columns = np.nonzero(cost < FORBIDDEN)
    by_row = np.bincount(rows, minlength=cost.shape[0])
    by_column = np.bincount(columns, minlength=cost.shape[1])
    alone = (by_row[rows] == 1) & (by_column[columns] == 1)
    sure_rows, sure_columns = rows[alone], columns[alone]
    if alone.all():
        return sure_rows, sure_columns
    left_rows, left_columns = np.unique(rows[~alone]), np.unique(columns[~alone])
    from scipy.optimize import linear_sum_assignment  # here, for it takes half a second to load

    part = cost[np.ix_(left_rows, left_columns)]
    i, j = linear_sum_assignment(part)
    allowed = part[i, j] < FORBIDDEN
    return (
        np.concatenate([sure_rows, left_rows[i[allowed]]]),
        np.concatenate([sure_columns, left_columns[j[allowed]]]),
    )


def size_mismatch2(a: Array, b: Array, sigma: float) -> Array:
    """Squared standardised difference (...) of log width and log height of boxes (..., 4)."""
    log_a = np.log(np.maximum(a[..., 2:] - a[..., :2], 1.0))
    log_b = np.log(np.maximum(b[..., 2:] - b[..., :2], 1.0))
    apart = ((log_a - log_b) / sigma) ** 2
    return np.asarray(apart[..., 0] + apart[..., 1])


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
