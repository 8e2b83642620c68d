"""A camera that shows blocks over RTSP, and a watch that runs beside the test."""

import pytest

from tests.blocks import WRONG, write_blocks
from tests.rtsp import serving
from tests.watching import watches


@pytest.fixture(scope="session")
def blocks_video(tmp_path_factory):
    """Two wrong-way blocks in 4.4 s, a key frame a second."""
    return write_blocks(tmp_path_factory.mktemp("live") / "cam.mp4", WRONG)


@pytest.fixture
def serve(blocks_video):
    """Starts RTSP servers of the blocks; killed at the end of the test."""
    with serving(blocks_video) as serve:
        yield serve


@pytest.fixture
def run_watch():
    """Starts watches; ended with the test."""
    with watches() as start:
        yield start
