"""Cameras made of files: connections without a network, and a clock that a test turns."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Channel

import av

from traffic_ai.sources.connection import Connection
from traffic_ai.sources.container import MAX_PIXELS, set_up_decoder
from traffic_ai.sources.link import Link
from traffic_ai.sources.reader import serve

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)


def connect_to(path):
    """A connection that delivers a file's packets as fast as they are taken."""
    container = av.open(str(path))
    stream = container.streams.video[0]
    set_up_decoder(stream.codec_context, MAX_PIXELS)
    return Connection("rtsp://***@gate/cam", container, stream, stream.time_base)


class TurnedClock:
    """Time stands still unless `advance` is called; `wait` lasts until `let_go`."""

    def __init__(self):
        self.now_s = 1000.0
        self.waits_s = []
        self._turns = threading.Semaphore(0)
        self._waiting = threading.Semaphore(0)

    def monotonic_s(self):
        return self.now_s

    def utc(self):
        return STARTED + timedelta(seconds=self.now_s - 1000.0)

    def advance(self, seconds):
        self.now_s += seconds

    def wait(self, event, timeout_s):
        self.waits_s.append(timeout_s)
        self._waiting.release()
        while not event.is_set() and not self._turns.acquire(timeout=0.01):
            pass

    def let_go(self):
        """End the waiting in progress."""
        self._turns.release()

    def until_waiting(self):
        """Return once the camera waits for its next attempt."""
        assert self._waiting.acquire(timeout=60), "the camera never came to wait"


class Site:
    """What answers when the camera is called: paths of files, or exceptions, one a call.

    `taken` counts the calls. When nothing is left the last answer is given again.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.taken = 0

    def __call__(self, url, stall_timeout_s):
        answer = self.answers[min(self.taken, len(self.answers) - 1)]
        self.taken += 1
        if isinstance(answer, Exception):
            raise answer
        return connect_to(answer) if not callable(answer) else answer()


def launcher_of(site, clock):
    """Starts readers that are threads, call at the site and live by the test's clock."""

    def launch(order):
        ours, theirs = (Channel(end.detach()) for end in socket.socketpair())
        reader = threading.Thread(
            target=serve, args=(theirs, lambda: None, site, clock), name="reader", daemon=True
        )
        reader.start()
        ours.send(order)
        return Link(ours, lambda: None)

    return launch
