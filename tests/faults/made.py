"""A watched camera that a test drives packet by packet, with clocks that the test sets.

All of a watch's own parts but the network and the reader's process: the reader is a thread that
plays a file's packets, on the same socket and in the same memory.
"""

import random
import threading
from datetime import UTC, datetime, timedelta

from tests.blocks import BlockDetector
from tests.sources.cameras import connect_to, launcher_of
from traffic_ai.sources.clock import Backoff
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.live import LiveCamera
from traffic_ai.watch.camera import WatchedCamera
from traffic_ai.watch.ledger import Ledger


class SetClock:
    """Monotonic time that a test turns, and a wall clock that it sets."""

    def __init__(self, began=datetime(2026, 5, 1, 12, tzinfo=UTC)):
        self._began = began
        self.now_s = 1000.0
        self.ahead_s = 0.0

    def monotonic_s(self):
        return self.now_s

    def true_utc(self):
        return self._began + timedelta(seconds=self.now_s - 1000.0)

    def utc(self):
        return self.true_utc() + timedelta(seconds=self.ahead_s)

    def wait(self, event, timeout_s):
        """Not at all, but the time passes."""
        self.now_s += timeout_s


class Played:
    """A connection that gives the packets of a file, as `alter` makes them, one at each `let`.

    alter(number, packet): the packet to give, None for none, or an exception to raise.
    """

    def __init__(self, path, alter=lambda number, packet: packet):
        self._real = connect_to(path)
        self._alter = alter
        self._let = threading.Semaphore(0)
        self._read = threading.Semaphore(0)
        self._closed = threading.Event()
        self.stream, self.time_base = self._real.stream, self._real.time_base

    def __call__(self):
        return self

    def packets(self):
        for number, packet in enumerate(self._real.packets()):
            while not self._let.acquire(timeout=0.02):
                if self._closed.is_set():
                    return
            changed = self._alter(number, packet)
            if isinstance(changed, Exception):
                raise changed
            if changed is not None:
                yield changed
            self._read.release()

    def let(self):
        """Let one packet through; returns when the reader has come back for the next."""
        self._let.release()
        return self._read.acquire(timeout=60.0)

    def end(self):
        """The camera ends the stream."""
        self._closed.set()

    def close(self):
        """Called by the reader alone: nobody else may close what it reads from."""
        self.end()
        self._real.close()


def watched_camera(site, store, calls, clock, detector=None, recorder=None):
    """A watched camera that is called at `calls` (see Site), and its stream."""
    live = LiveCamera(
        site.id,
        "rtsp://gate/cam",
        clock=clock,
        host=HostTime(clock, is_synchronised=lambda: False),
        launcher=launcher_of(calls, clock),
        backoff=Backoff(random.Random(1)),
        stall_timeout_s=60.0,
    )
    host = HostTime(clock, is_synchronised=lambda: False)
    watched = WatchedCamera(
        site,
        live,
        detector or BlockDetector(),
        store,
        Ledger(site.id),
        None,
        recorder,
        utc=lambda: host.now().utc,
        every_frame=True,
    )
    return watched, live
