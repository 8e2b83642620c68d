"""A camera that shows blocks over RTSP, and a watch that runs beside the test."""

import threading
import time

import pytest

from tests.blocks import WRONG, BlockDetector, write_blocks
from tests.rtsp import Server
from traffic_ai.watch.run import Watch
from traffic_ai.wiring import open_site


@pytest.fixture(scope="session")
def blocks_video(tmp_path_factory):
    """Two wrong-way blocks in 4.4 s, a key frame a second."""
    return write_blocks(tmp_path_factory.mktemp("live") / "cam.mp4", WRONG)


@pytest.fixture
def serve(blocks_video):
    """Starts RTSP servers of the blocks; killed at the end of the test."""
    servers = []

    def make(*options, port="0"):
        servers.append(Server(blocks_video, *options, port=port))
        return servers[-1]

    yield make
    for server in servers:
        if server.process.returncode is None:
            server.kill()


class Running:
    """A watch in a thread of its own; `until` waits for what its table shows."""

    def __init__(self, site_path, out, **more):
        self.watch = Watch(open_site(site_path), out, BlockDetector(), **more)
        self.views = {}
        self.error = None
        self._shown = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="watch under test")
        self._thread.start()

    def until(self, wanted, seconds=25.0):
        """The views by camera id, once `wanted(views)` holds."""
        with self._shown:
            seen = self._shown.wait_for(
                lambda: self.error or (self.views and wanted(self.views)), seconds
            )
        assert seen, f"never came: {self.views}"
        assert not self.error, self.error
        return self.views

    def stop(self):
        """End it; how long that took."""
        began = time.monotonic()
        self.watch.stop.set()
        self._thread.join(30.0)
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

    def _show(self, views):
        with self._shown:
            self.views = {view.camera_id: view for view in views}
            self._shown.notify_all()


@pytest.fixture
def run_watch():
    """Starts watches; ended with the test."""
    started = []

    def start(site_path, out, **more):
        started.append(Running(site_path, out, **more))
        return started[-1]

    yield start
    for running in started:
        running.watch.stop.set()
        running._thread.join(30.0)
