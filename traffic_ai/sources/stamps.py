"""Display times of decoded pictures whose time stamps may be missing, repeated or out of order.

Stands between the decoder and everything that has a time. Pictures leave a decoder in display
order, so their stamps must rise. Where they do not (AVI keeps decoding times only, so a picture
stored before the B-pictures that are shown first carries an earlier one's time), the stamps are
sorted, not the pictures.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_AHEAD = 8
"""Pictures held back. A stamp displaced by more is taken for wrong, not for out of order: encoders
put a handful of B-pictures in a row (x264: 3, its slowest setting 8)."""


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """An item with the stamp it is to be shown at; `repaired` where that is not its own."""

    item: T
    stamp: float
    repaired: bool


class StampRepair(Generic[T]):
    """Gives items, pushed in display order, strictly increasing stamps.

    A stamp that fits is kept, forward jumps included. Permuted stamps are sorted, missing and
    impossible ones interpolated between their neighbours. An item that repeats a stamp, or has
    none and no neighbours to interpolate between, is dropped and counted. `look_ahead` 0 holds
    nothing back, and so drops whatever does not rise.
    """

    def __init__(self, look_ahead: int = LOOK_AHEAD) -> None:
        self._look_ahead = look_ahead
        self._queue: deque[tuple[int, T, int | None]] = deque()
        self._free: list[tuple[int, int]] = []  # heap of (stamp, number of its item)
        self._waiting: set[int] = set()  # the stamps in the heap
        self._last: float | None = None
        self._pushed = 0
        self.repaired = 0
        self.dropped_repeated = 0
        self.dropped_unstamped = 0

    def push(self, item: T, stamp: int | None) -> Iterator[Stamped[T]]:
        """Take the next item; yields those that are ready (at most one)."""
        number = self._pushed
        self._pushed += 1
        if stamp is not None and (stamp == self._last or stamp in self._waiting):
            self.dropped_repeated += 1
            return
        if stamp is not None and (self._last is None or stamp > self._last):
            heapq.heappush(self._free, (stamp, number))
            self._waiting.add(stamp)
        else:
            stamp = None
        self._queue.append((number, item, stamp))
        if len(self._queue) > self._look_ahead:
            yield from self._release()

    def flush(self) -> Iterator[Stamped[T]]:
        """The items still held back, after the last push."""
        while self._queue:
            yield from self._release()

    def _release(self) -> Iterator[Stamped[T]]:
        number, item, own = self._queue.popleft()
        self._forget_displaced(number)
        if not self._free:
            self.dropped_unstamped += 1
            return
        smallest = self._free[0][0]
        taken = own is None or own not in self._waiting
        if taken and len(self._free) <= len(self._queue):
            if self._last is None:
                self.dropped_unstamped += 1
                return
            stamp: float = self._last + (smallest - self._last) / (self._unstamped_ahead() + 2)
        else:
            stamp = smallest
            heapq.heappop(self._free)
            self._waiting.remove(smallest)
        repaired = stamp != own
        self.repaired += repaired
        self._last = stamp
        yield Stamped(item, stamp, repaired)

    def _forget_displaced(self, number: int) -> None:
        """Drop the stamps that no item claimed within the look-ahead of the one they came with."""
        kept = [entry for entry in self._free if entry[1] >= number - self._look_ahead]
        if len(kept) < len(self._free):
            self._free = kept
            heapq.heapify(self._free)
            self._waiting = {stamp for stamp, _ in kept}

    def _unstamped_ahead(self) -> int:
        """How many items follow at once that have no stamp of their own either."""
        count = 0
        for _, _, own in self._queue:
            if own is not None and own in self._waiting:
                break
            count += 1
        return count
