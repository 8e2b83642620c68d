"""Writing beside the analysis: evidence is made in a thread of its own, in order."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_MOST_WAITING = 8
"""What waits holds its tracks and signals in memory; beyond this the analysis waits too."""


class BesideWriter:
    """Does what is handed over in a thread of its own, one after the other.

    What that raises is raised by the next call of `hand_over` or `finish`. Calls come from one
    thread; after `close` nothing is handed over any more.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "evidence")
        self._waiting: deque[Future[None]] = deque()

    def hand_over(self, work: Callable[[], None]) -> None:
        """Have it done; waits while much is waiting already."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= _MOST_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(work))

    def finish(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """End the thread; what it has not begun is left."""
        self._thread.shutdown(cancel_futures=True)
