"""Rows of arrays in which a rule keeps something of each track, so that a frame is one sum."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray


class TrackRows:
    """Gives each track a row while it lives; rows of ended tracks are given out again.

    `grow` is told how many rows there must be, whenever that rises.
    """

    def __init__(self, grow: Callable[[int], None]) -> None:
        self._grow = grow
        self._row: dict[int, int] = {}
        self._free: list[int] = []
        self._capacity = 0

    def __len__(self) -> int:
        return len(self._row)

    def of(self, track_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], Sequence[int]]:
        """Rows (N,) of tracks (N,), and the positions of those that had none."""
        ids = track_ids.tolist()
        new = [i for i, track_id in enumerate(ids) if track_id not in self._row]
        for i in new:
            if not self._free:
                self._free = list(range(2 * self._capacity + 15, self._capacity - 1, -1))
                self._capacity = 2 * self._capacity + 16
                self._grow(self._capacity)
            self._row[ids[i]] = self._free.pop()
        return np.array([self._row[track_id] for track_id in ids], np.int64), new

    def drop(self, track_id: int) -> int | None:
        """Forget a track; the row it had, None if it had none."""
        row = self._row.pop(track_id, None)
        if row is not None:
            self._free.append(row)
        return row


def grown(values: NDArray, rows: int) -> NDArray:  # type: ignore[type-arg]
    """The values with room for so many rows; what is new is undefined."""
    out = np.empty((rows, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out
