"""The thread that writes to the store beside the analysis."""

import threading
import time

import pytest

from traffic_ai.watch import scribe as scribe_module
from traffic_ai.watch.scribe import Scribe


class Camera:
    """Is settled by whoever calls; waits at it until it may go on."""

    def __init__(self):
        self.threads = []
        self.called = threading.Event()
        self.may_go_on = threading.Event()

    def settle(self):
        self.threads.append(threading.current_thread().name)
        self.called.set()
        self.may_go_on.wait(60.0)


def test_cameras_are_settled_in_a_thread_of_its_own_until_the_end():
    one, other = Camera(), Camera()
    one.may_go_on.set()
    other.may_go_on.set()
    cameras = [one]
    scribe = Scribe(lambda: cameras)
    scribe.start()
    assert one.called.wait(60.0)
    cameras.append(other)  # comes while it is watched
    assert other.called.wait(60.0)
    scribe.stop()
    assert not scribe._thread.is_alive()
    assert set(one.threads + other.threads) == {"store"}


def test_a_store_that_hangs_is_noticed():
    camera = Camera()
    scribe = Scribe(lambda: [camera])
    assert not scribe.is_stuck(time.monotonic() + 3600.0)
    scribe.start()
    assert camera.called.wait(60.0)
    now_s = time.monotonic()
    assert not scribe.is_stuck(now_s)
    assert scribe.is_stuck(now_s + scribe_module._STUCK_S + 1.0)
    camera.may_go_on.set()
    scribe.stop()
    assert not scribe.is_stuck(now_s + 3600.0)


def test_what_ends_the_thread_is_raised_where_it_is_asked():
    def cameras():
        raise ZeroDivisionError

    scribe = Scribe(cameras)
    scribe.start()
    scribe._thread.join(60.0)
    with pytest.raises(ZeroDivisionError):
        scribe.is_stuck(0.0)
    scribe.stop()
