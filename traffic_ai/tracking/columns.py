"""Arrays over many tracks or boxes, kept column by column.

The first axis counts tracks, as everywhere, but lies together in memory: one coordinate of all
tracks is one run of numbers. What is computed from such arrays is again one.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def zeros(*shape: int) -> NDArray[np.float64]:
    """Zeros of a shape (N, ...)."""
    return np.zeros(shape[::-1]).T


def rows(values: NDArray[T], index: NDArray[np.int64]) -> NDArray[T]:
    """`values[index]` of an array (N, ...), several times as fast."""
    taken: NDArray[Any] = values.T.take(index, axis=-1)
    return taken.T
