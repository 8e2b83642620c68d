"""Many pieces of work in several processes, results in order, progress on the error stream."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(do: Callable[[T], R], pieces: Sequence[T], jobs: int, what: str) -> Iterator[R]:
    """What comes of every piece, in their order."""
    started_s = time.monotonic()

    def shown(results: Iterator[R]) -> Iterator[R]:
        for number, result in enumerate(results, 1):
            took_s = time.monotonic() - started_s
            print(f"\r{what}: {number} of {len(pieces)}, {took_s:.0f} s", end="", file=sys.stderr)
            yield result
        print(file=sys.stderr)

    if jobs <= 1:
        yield from shown(map(do, pieces))
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from shown(pool.imap(do, pieces))
