"""How many pictures at once are best: by a clock that only looks move on."""

import threading
from collections.abc import Callable, Mapping

import pytest

from traffic_ai.detectors.batch_rates import BatchRate, batch_rates, best_batch_size


class Clock:
    """Moves on by what the looks last."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now_s

    def look(self, lasts_s: float, threads: set[int]) -> Callable[[], None]:
        def look() -> None:
            threads.add(threading.get_ident())
            with self._lock:
                self.now_s += lasts_s

        return look


def measured(look_s: Mapping[int, float]) -> tuple[BatchRate, ...]:
    clock = Clock()
    looks = {size: [clock.look(lasts_s, set())] for size, lasts_s in look_s.items()}
    return batch_rates(looks, 3, clock)


@pytest.mark.parametrize(
    ("look_s", "chosen"),
    [
        ({1: 0.020, 2: 0.020, 4: 0.021, 8: 0.022}, 1),
        ({1: 0.020, 2: 0.0185, 4: 0.0185, 8: 0.0185}, 1),
        ({1: 0.020, 2: 0.016, 4: 0.010, 8: 0.012}, 4),
        ({1: 0.020, 2: 0.0102, 4: 0.010, 8: 0.010}, 2),
        ({1: 0.020}, 1),
    ],
    ids=["no faster", "hardly faster", "the fastest", "as good with fewer", "nothing else"],
)
def test_several_at_once_are_chosen_where_that_is_clearly_faster(
    look_s: dict[int, float], chosen: int
) -> None:
    rates = measured(look_s)
    assert [rate.batch_size for rate in rates] == list(look_s)
    for rate in rates:
        assert rate.looks_per_s == pytest.approx(1.0 / look_s[rate.batch_size])
        assert rate.ratio == pytest.approx(look_s[1] / look_s[rate.batch_size])
    assert best_batch_size(rates) == chosen


def test_every_camera_is_looked_at_and_as_many_threads_look_as_in_a_watch() -> None:
    """Each waits for 15 others: with fewer threads none would go on."""
    clock = Clock()
    seen: list[int] = []
    threads: set[int] = set()
    everybody = threading.Barrier(16)

    def camera(number: int) -> Callable[[], None]:
        look = clock.look(0.01, threads)

        def wait_and_look() -> None:
            everybody.wait(20.0)
            seen.append(number)
            look()

        return wait_and_look

    one = [clock.look(0.01, set())]
    batch_rates({1: one, 8: [camera(number) for number in range(4)]}, 1, clock)
    assert set(seen) == {0, 1, 2, 3}
    assert len(threads) >= 16
