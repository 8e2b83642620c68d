"""Medians of many short runs, for rules that ask for them all the time."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array


def median(values: Array) -> float:
    """The median of values (n,), none of them NaN: the number that `np.median` gives."""
    n, ranked = len(values), np.sort(values)
    return float((ranked[(n - 1) // 2] + ranked[n // 2]) / 2.0)


def column_medians(values: Array) -> Array:
    """The medians (k,) of the columns of values (n, k), as `median` gives each."""
    n, ranked = len(values), np.sort(values, axis=0)
    return np.asarray((ranked[(n - 1) // 2] + ranked[n // 2]) / 2.0)


def medians(values: Array, begins: NDArray[np.int64]) -> Array:
    """Medians (m, k) by column of the runs of values (n, k) that begin at positions (m,), rising.

    The numbers `np.median` gives of each run, which costs some 25 us a call.
    """
    lengths = np.diff(begins, append=len(values))
    of = np.repeat(np.arange(len(begins)), lengths)
    lower, upper = begins + (lengths - 1) // 2, begins + lengths // 2
    out = np.empty((len(begins), values.shape[1]))
    for column, medians_of in zip(values.T, out.T, strict=True):
        ranked = column[np.lexsort((column, of))]  # within each run, for those come first
        medians_of[:] = (ranked[lower] + ranked[upper]) / 2.0
    return out


def piece_begins(length: int, pieces: int) -> NDArray[np.int64]:
    """Where the pieces begin into which `np.array_split` cuts so many values."""
    size, larger = divmod(length, pieces)
    number = np.arange(pieces)
    return number * size + np.minimum(number, larger)
