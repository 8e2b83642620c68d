"""The threads that analyse: who comes first, who works at once, and what a hanging one does."""

import threading
import time

import pytest

from traffic_ai.watch import crew as crew_module
from traffic_ai.watch.crew import Crew

PATIENCE_S = 20.0


class Camera:
    """A camera whose every frame is `work_on`; `worked`: how many are done."""

    def __init__(self, frames=1, need=1.0, work_on=lambda: None):
        self.frames, self._need, self._work_on = frames, need, work_on
        self.worked = 0
        self.is_done = threading.Event()

    @property
    def waits(self):
        return self.worked < self.frames

    def need(self, now_s):
        return self._need

    def work(self, clock):
        self._work_on()
        self.worked += 1
        if not self.waits:
            self.is_done.set()


@pytest.fixture
def begin():
    crews = []

    def beginning(cameras, count):
        crews.append(Crew(cameras if callable(cameras) else lambda: cameras, count))
        crews[-1].start()
        return crews[-1]

    yield beginning
    for crew in crews:
        crew.stop()


def test_two_cameras_are_analysed_at_once(begin):
    both = threading.Barrier(2)
    cameras = [Camera(3, work_on=lambda: both.wait(PATIENCE_S)) for _ in range(2)]
    begin(cameras, 2)
    assert all(camera.is_done.wait(PATIENCE_S) for camera in cameras)


def test_one_camera_is_not_worked_on_by_two(begin):
    inside = threading.Semaphore(1)
    overlaps = []
    others_chose = threading.Event()

    def work_on():
        if not inside.acquire(blocking=False):
            overlaps.append(True)
            return
        others_chose.clear()
        others_chose.wait(PATIENCE_S)
        inside.release()

    def cameras():
        others_chose.set()
        return [camera]

    camera = Camera(50, work_on=work_on)
    begin(cameras, 4)
    assert camera.is_done.wait(PATIENCE_S)
    assert not overlaps


def test_the_one_that_needs_it_most_comes_first(begin):
    order = []
    cameras = [
        Camera(1, need, work_on=lambda need=need: order.append(need)) for need in (1.0, 3.0, 2.0)
    ]
    begin(cameras, 1)
    assert all(camera.is_done.wait(PATIENCE_S) for camera in cameras)
    assert order == [3.0, 2.0, 1.0]


def test_one_that_hangs_is_told_of_while_the_others_go_on(begin, monkeypatch):
    monkeypatch.setattr(crew_module, "_STUCK_S", 0.2)
    release = threading.Event()
    hanging = Camera(1, 2.0, work_on=lambda: release.wait(PATIENCE_S))
    well = Camera(5)
    crew = begin([hanging, well], 2)
    assert well.is_done.wait(PATIENCE_S)
    now_s = time.monotonic()
    assert not crew.is_stuck(now_s - 10.0)
    assert crew.is_stuck(now_s + 10.0)
    release.set()
    assert hanging.is_done.wait(PATIENCE_S)


def test_what_ends_a_thread_is_raised_where_it_is_asked_for(begin):
    def work_on():
        raise SystemError("beyond a camera's edge")

    crew = begin([Camera(1, work_on=work_on)], 1)
    for thread in threading.enumerate():
        if thread.name.startswith("analysis"):
            thread.join(PATIENCE_S)
    with pytest.raises(SystemError, match="edge"):
        crew.is_stuck(time.monotonic())
