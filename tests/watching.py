"""A watch that runs beside the test, and what its table showed."""

import threading
import time
from contextlib import contextmanager

from tests.blocks import BlockDetector
from traffic_ai.watch.run import Watch
from traffic_ai.wiring import open_site


class Running:
    """A watch in a thread of its own; `until` waits for what its table shows."""

    def __init__(self, site_path, out, detector=None, **more):
        more = {"every_frame": True} | more
        self.watch = Watch(open_site(site_path), out, detector or BlockDetector(), **more)
        self.views = {}
        self.upkeep = None
        self.history = []
        """(monotonic moment, views by camera id) of each time the table was shown."""
        self.error = None
        self._shown = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="watch under test")
        self._thread.start()

    def until(self, wanted, seconds=60.0):
        """The views by camera id, once `wanted(views)` holds."""
        with self._shown:
            seen = self._shown.wait_for(
                lambda: self.error or (self.views and wanted(self.views)), seconds
            )
        assert seen, f"never came: {self.views}"
        assert not self.error, self.error
        return self.views

    def first(self, camera_id, wanted, after_s=0.0):
        """When a camera's view was first as wanted; None if it never was."""
        for at_s, views in self.history:
            if at_s >= after_s and camera_id in views and wanted(views[camera_id]):
                return at_s
        return None

    def stop(self):
        """End it; how long that took."""
        began = time.monotonic()
        self.watch.stop.set()
        self._thread.join(60.0)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return time.monotonic() - began

    def _run(self):
        try:
            self.watch.run(self._show)
        except BaseException as error:
            self.error = error
        with self._shown:
            self._shown.notify_all()

    def _show(self, views, upkeep):
        with self._shown:
            self.upkeep = upkeep
            self.views = {view.camera_id: view for view in views}
            self.history.append((time.monotonic(), self.views))
            self._shown.notify_all()


def end(watched):
    """What the end of a watch does with a camera that was watched without one."""
    watched.stop()
    watched.ledger.settle(at_once=True)
    watched.ledger.close()


@contextmanager
def watches():
    """What starts watches as `Running` does; they end with it."""
    started = []

    def start(site_path, out, **more):
        started.append(Running(site_path, out, **more))
        return started[-1]

    try:
        yield start
    finally:
        for running in started:
            running.watch.stop.set()
            running._thread.join(30.0)
