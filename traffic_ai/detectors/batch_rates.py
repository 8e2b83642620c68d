"""How many pictures the network should be given at once: measured as a watch would use it.

Threads as a watch has them look at the pictures of as many cameras, and pictures come together as
they then do. So a runtime that takes long over every change of size loses what it gains by sizes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from traffic_ai.detectors.engines import callers_at_once

WORTH = 1.1  # times the looks of one by one, at least, to be chosen
_AS_GOOD = 0.97  # of the best's looks: as good, and the smaller one is chosen
_LOOKS = 32  # a turn

Looks = Sequence[Callable[[], object]]


@dataclass(frozen=True, slots=True)
class BatchRate:
    """looks_per_s: median over the turns; ratio: median of it by that of one by one in the same
    turn.
    """

    batch_size: int
    looks_per_s: float
    ratio: float


def batch_rates(
    looks: Mapping[int, Looks], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[BatchRate, ...]:
    """What each number of pictures at once gives, 1 first; they take turns.

    looks: by that number, of each camera a call that looks at its picture once.
    """
    with ExitStack() as pools:
        turns = []
        for batch_size, cameras in looks.items():
            pool = pools.enter_context(ThreadPoolExecutor(callers_at_once(batch_size)))
            turns.append(_turn(pool, cameras))
        for turn in turns:
            turn()  # now the threads are there, their memory, and what a runtime prepares
        rates = np.empty((rounds, len(turns)))
        for row in rates:
            for i, turn in enumerate(turns):
                began_s = clock()
                turn()
                row[i] = _LOOKS / (clock() - began_s)
    medians = zip(np.median(rates, axis=0), np.median(rates / rates[:, :1], axis=0), strict=True)
    return tuple(
        BatchRate(batch_size, float(rate), float(ratio))
        for batch_size, (rate, ratio) in zip(looks, medians, strict=True)
    )


def best_batch_size(rates: Sequence[BatchRate]) -> int:
    """How many pictures at once: one, unless more are clearly faster; of as good ones the least."""
    fastest = max(rate.ratio for rate in rates)
    if fastest < WORTH:
        return 1
    return min(rate.batch_size for rate in rates if rate.ratio >= _AS_GOOD * fastest)


def _turn(pool: ThreadPoolExecutor, cameras: Looks) -> Callable[[], None]:
    def look(number: int) -> object:
        return cameras[number % len(cameras)]()

    def turn() -> None:
        for _ in pool.map(look, range(_LOOKS)):
            pass

    return turn
