"""Which detection belongs to which track: a cost from motion, size and overlap, solved globally."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.solver import linear_sum_assignment

Indices = NDArray[np.int64]
_FORBIDDEN = 1e6


def assign(rows: Indices, columns: Indices, cost: Array) -> Indices:
    """Which pairs (P,) of a row and a column are the cheapest assignment with as many pairs as can
    be: positions (K,), by row.

    Pairs that have only each other need no search.
    """
    alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    disputed = (~alone).nonzero()[0]
    if not len(disputed):
        return np.arange(len(rows))
    i, j = _numbered(rows[disputed]), _numbered(columns[disputed])
    part = np.full((i.max() + 1, j.max() + 1), _FORBIDDEN)
    part[i, j] = cost[disputed]
    pair = np.full(part.shape, -1)
    pair[i, j] = disputed
    found = pair[linear_sum_assignment(part)]
    alone[found[found >= 0]] = True
    return np.flatnonzero(alone)


def _numbered(values: Indices) -> Indices:
    """The place of each value (P,) among all that there are, in their order."""
    listed = values.tolist()
    places = {value: place for place, value in enumerate(sorted(set(listed)))}
    return np.array([places[value] for value in listed])


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
