"""A camera that shows blocks over RTSP, and a watch that runs beside the test."""

import pytest

from tests.blocks import WRONG, write_blocks
from tests.rtsp import Server
from tests.watching import Running


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
