"""Medians of many short runs, for rules that ask for them all the time."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array


def medians(values: Array, begins: NDArray[np.int64]) -> Array:
    """Medians (m, k) by column of the runs of values (n, k) that begin at positions (m,), rising.

    The numbers `np.median` gives of each run, which costs some 25 us a call.
    """
    ends = np.append(begins[1:], len(values))
    out = np.empty((len(begins), values.shape[1]))
    for row, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        run = np.sort(values[begin:end], axis=0)
        n = end - begin
        out[row] = (run[(n - 1) // 2] + run[n // 2]) / 2.0
    return out


def piece_begins(length: int, pieces: int) -> NDArray[np.int64]:
    """Where the pieces begin into which `np.array_split` cuts so many values."""
    size, larger = divmod(length, pieces)
    number = np.arange(pieces)
    return number * size + np.minimum(number, larger)
