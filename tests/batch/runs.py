"""Batch runs as the tests make them."""

import os
import signal
import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.blocks import BlockDetector
from traffic_ai.batch.run import Batch
from traffic_ai.batch.workers import Workers
from traffic_ai.wiring import open_site


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    begun: list = field(default_factory=list)
    frames: int = 0
    from_log: int = 0
    found: list = field(default_factory=list)
    ended: list = field(default_factory=list)

    def file_begins(self, path, number, total, duration_s):
        self.begun.append((path.name, number, total))

    def frame_done(self, t_s, from_log):
        self.frames += 1
        self.from_log += from_log

    def violation_found(self, violation):
        self.found.append(violation.id)

    def file_ended(self, outcome):
        self.ended.append(outcome)


def analyse(site, out, paths, detector=None, listener=None, **more):
    """The outcomes of a batch."""
    more = {"every_frame": True} | more
    batch = Batch(open_site(site), out, detector or BlockDetector(), **more)
    return batch.run(list(paths), listener or Heard())


def stopped_at(site, out, paths, call, **more):
    """The outcomes of a batch that is told to stop while it looks at its picture number `call`."""
    batch = None

    def stop(number):
        if number == call:
            batch.stop.set()

    more = {"every_frame": True} | more
    batch = Batch(open_site(site), out, BlockDetector(stop), **more)
    return batch.run(list(paths), Heard())


def in_workers(site, out, paths, count=2, *, listeners=None, stop=None, make=None, **more):
    """The outcomes of a batch in so many processes."""
    make = partial(make or made_in_worker, site, out, **more)
    listeners = listeners or [Heard() for _ in range(count)]
    workers = Workers(make, listeners, stop or threading.Event())
    return workers.run(open_site(site), list(paths), None)


def made_in_worker(site, out, **more):
    """A batch as a worker makes it."""
    return Batch(open_site(site), out, BlockDetector(), **{"every_frame": True} | more)


def killed_once(site, out, at_call, flag):
    """A batch whose process is killed at its picture number `at_call`, the first that comes to it.

    flag: a file that is there once that was done.
    """

    def kill(number):
        if number == at_call:
            try:
                Path(flag).touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    return Batch(open_site(site), out, BlockDetector(kill), every_frame=True)
