"""All pictures of a world in order, drawn by several processes."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import cv2

from traffic_ai.core.errors import TrafficAiError
from traffic_ai.simulate.draw.renderer import Drawn, Renderer
from traffic_ai.simulate.world import World

Progress = Callable[[int, int], None]
"""Told how many pictures are done, of how many."""

# A process is handed about so much at a time; what waits to be read stays bounded.
_CHUNK_BYTES = 24_000_000
_LONGEST_CHUNK = 16
_WAITING_CHUNKS = 2  # a process

_worker: list[Renderer] = []  # each drawing process keeps its renderer here


def render(world: World, jobs: int = 1, progress: Progress | None = None) -> Iterator[Drawn]:
    """Every picture of a world, in order; they do not depend on the number of processes.

    Raises TrafficAiError if a drawing process dies.
    """
    count = len(world.timing.t_s)
    for done, drawn in enumerate(_drawn(world, min(jobs, count)), start=1):
        if progress is not None:
            progress(done, count)
        yield drawn


def _drawn(world: World, jobs: int) -> Iterator[Drawn]:
    count = len(world.timing.t_s)
    if jobs <= 1:
        renderer = Renderer(world)
        yield from map(renderer.draw, range(count))
        return
    length = _chunk_length(world)
    chunks = iter([range(at, min(at + length, count)) for at in range(0, count, length)])
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (world,))
    waiting: deque[Future[list[Drawn]]] = deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(_draw, chunk))
            if len(waiting) >= jobs * _WAITING_CHUNKS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise TrafficAiError(
            "a drawing process died, perhaps for want of memory; try fewer with --jobs"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _chunk_length(world: World) -> int:
    picture_bytes = world.camera.width_px * world.camera.height_px * 3
    return max(1, min(_LONGEST_CHUNK, _CHUNK_BYTES // picture_bytes))


def _start_worker(world: World) -> None:
    cv2.setNumThreads(1)  # the processes already share the cores
    _worker[:] = [Renderer(world)]


def _draw(chunk: range) -> list[Drawn]:
    return [_worker[0].draw(index) for index in chunk]
