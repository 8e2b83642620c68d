"""Pictures of several threads in one run: who goes with whom, and whose fault is whose."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import ModelError
from traffic_ai.detectors.engines import callers_at_once, core_count
from traffic_ai.detectors.together import Together
from traffic_ai.detectors.yolo import Blob

PATIENCE_S = 20.0


def picture(value: float, size: tuple[int, int] = (64, 32)) -> Blob:
    return np.full((1, 3, *size), value, np.float32)


def value_of(found: Detections) -> float:
    return float(found.confidence[0])


class Network:
    """Sees in each picture its own brightness; `batches`: how many pictures each run had.

    gate: a run begins by waiting for it; bad: no run that has a picture so bright succeeds; most:
    nor one of more pictures.
    """

    def __init__(self, bad: float = -1.0, most: int = 100) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.began = threading.Event()
        self.gate.set()
        self._bad, self._most = bad, most
        self._alone = threading.Lock()

    def __call__(self, blob: Blob) -> list[Detections]:
        assert self._alone.acquire(blocking=False), "two threads run it at once"
        try:
            self.batches.append(len(blob))
            self.began.set()
            assert self.gate.wait(PATIENCE_S)
            values = blob[:, 0, 0, 0]
            if self._bad in values:
                raise ModelError(f"no {self._bad}")
            if len(values) > self._most:
                raise ModelError("too many")
            box = np.zeros((1, 4), np.float32)
            return [Detections(box, np.array([v]), np.zeros(1, np.int64)) for v in values]
        finally:
            self._alone.release()


class Queue(threading.Condition):
    """Lets a test wait until so many callers wait."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.came.release()
        return super().wait(timeout)


class Meeting:
    """Callers that come while the network is busy with a first picture, one after the other."""

    def __init__(self, network: Network, most: int) -> None:
        self.network, self.together = network, Together(network, most)
        self._queue = Queue()
        self.together._changed = self._queue
        self._pool = ThreadPoolExecutor(16)
        network.gate.clear()
        self.first = self._pool.submit(self.together.look, [picture(0.5)])
        assert network.began.wait(PATIENCE_S)

    def come(self, *calls: Sequence[Blob]) -> list["Future[list[Detections]]"]:
        """What becomes of these calls, which all wait when the network goes on."""
        futures = []
        for blobs in calls:
            futures.append(self._pool.submit(self.together.look, blobs))
            assert self._queue.came.acquire(timeout=PATIENCE_S)
        self.network.gate.set()
        assert value_of(self.first.result(PATIENCE_S)[0]) == 0.5
        self._pool.shutdown()
        return futures


def values(futures: Sequence["Future[list[Detections]]"]) -> list[list[float]]:
    return [[value_of(found) for found in future.result(PATIENCE_S)] for future in futures]


def test_who_is_alone_waits_for_nobody_and_costs_no_copy() -> None:
    given = []

    def run(blob: Blob) -> list[Detections]:
        given.append(blob)
        return [Detections.empty()]

    mine = picture(0.25)
    assert len(Together(run, 8).look([mine])) == 1
    assert given[0] is mine
    assert Together(run, 8).look([]) == []


def test_those_that_come_while_the_network_is_busy_go_together() -> None:
    meeting = Meeting(Network(), 8)
    futures = meeting.come(*([picture(v)] for v in (0.1, 0.2, 0.3, 0.4)))
    assert np.allclose(values(futures), [[0.1], [0.2], [0.3], [0.4]])
    assert meeting.network.batches == [1, 4]


@pytest.mark.parametrize(
    ("most", "callers", "batches"),
    [(2, 4, [1, 2, 2]), (8, 3, [1, 2, 1]), (4, 7, [1, 4, 2, 1]), (8, 1, [1, 1])],
)
def test_they_go_in_few_sizes_and_no_more_than_allowed(
    most: int, callers: int, batches: list[int]
) -> None:
    meeting = Meeting(Network(), most)
    futures = meeting.come(*([picture(float(v))] for v in range(callers)))
    assert values(futures) == [[float(v)] for v in range(callers)]
    assert meeting.network.batches == batches


def test_pictures_of_several_sizes_do_not_go_together() -> None:
    wide = (32, 64)
    meeting = Meeting(Network(), 8)
    futures = meeting.come(
        [picture(1.0)], [picture(2.0, wide)], [picture(3.0)], [picture(4.0, wide), picture(5.0)]
    )
    assert values(futures) == [[1.0], [2.0], [3.0], [4.0, 5.0]]
    assert meeting.network.batches == [1, 2, 2, 1]


def test_the_pictures_of_one_call_go_together() -> None:
    network = Network()
    found = Together(network, 4).look([picture(float(v)) for v in range(6)])
    assert [value_of(one) for one in found] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert network.batches == [4, 2]


def test_one_that_fails_costs_the_others_nothing() -> None:
    meeting = Meeting(Network(bad=2.0), 4)
    futures = meeting.come(*([picture(v)] for v in (1.0, 2.0, 3.0, 4.0)))
    with pytest.raises(ModelError, match=r"no 2\.0"):
        futures.pop(1).result(PATIENCE_S)
    assert values(futures) == [[1.0], [3.0], [4.0]]
    assert meeting.network.batches == [1, 4, 1, 1, 1, 1]
    more = meeting.together.look([picture(float(v)) for v in range(4, 8)])
    assert [value_of(one) for one in more] == [4.0, 5.0, 6.0, 7.0]
    assert meeting.network.batches[-1] == 4, "it was not their number"


def test_a_network_that_cannot_take_so_many_gets_fewer(caplog: pytest.LogCaptureFixture) -> None:
    network = Network(most=2)
    together = Together(network, 8)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = together.look([picture(float(v)) for v in range(4)])
            assert [value_of(one) for one in found] == [0.0, 1.0, 2.0, 3.0]
    assert network.batches == [4, 1, 1, 1, 1, 2, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "the network fails on 4 pictures at once (too many), and not on each alone; from now on it "
        "gets at most 2"
    ]


def test_a_thread_that_is_ended_in_the_network_leaves_nobody_waiting() -> None:
    class Ended(BaseException):
        pass

    network = Network()
    run: list[Callable[[Blob], list[Detections]]] = [network]

    def ended(blob: Blob) -> list[Detections]:
        run[0] = network
        raise Ended

    meeting = Meeting(network, 8)
    meeting.together._run = lambda blob: run[0](blob)
    run[0] = ended
    futures = meeting.come([picture(1.0)], [picture(2.0)])
    errors = [future.exception(PATIENCE_S) for future in futures]
    assert sorted(type(error).__name__ for error in errors) == ["Ended", "ModelError"]
    assert value_of(meeting.together.look([picture(3.0)])[0]) == 3.0


def test_many_threads_get_each_their_own() -> None:
    network = Network()
    together = Together(network, 4)
    sizes = [(32, 32), (32, 64)]

    def calls(thread: int) -> bool:
        chance = random.Random(thread)
        for _ in range(100):
            wanted = [chance.randrange(1000) / 1000 for _ in range(chance.randint(1, 3))]
            found = together.look([picture(value, chance.choice(sizes)) for value in wanted])
            if not np.allclose([value_of(one) for one in found], wanted):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(calls, range(8)))
    assert set(network.batches) <= {1, 2, 4}


def test_a_detector_that_looks_at_several_has_more_callers_than_cores() -> None:
    assert callers_at_once() <= core_count()
    assert callers_at_once(4) >= 8
    assert callers_at_once(8) >= 16
