"""Cameras, a wire with faults before them, and watches; all ended with the test."""

import pytest

from tests.blocks import WRONG, write_blocks
from tests.faults.proxy import Proxy
from tests.rtsp import serving
from tests.watching import watches


@pytest.fixture(scope="session")
def blocks_video(tmp_path_factory):
    """Two wrong-way blocks in 4.4 s, 12.5 pictures a second, a key frame a second."""
    return write_blocks(tmp_path_factory.mktemp("faults") / "cam.mp4", WRONG)


@pytest.fixture
def serve(blocks_video):
    """Starts servers of the blocks, or of another video."""
    with serving(blocks_video) as serve:
        yield serve


@pytest.fixture
def wire():
    """Starts proxies before servers."""
    proxies = []

    def make(server):
        proxies.append(Proxy(server.port))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def run_watch():
    """Starts watches."""
    with watches() as start:
        yield start
