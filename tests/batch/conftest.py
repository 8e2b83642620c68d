"""Run folders, sites and small videos for batches."""

import pytest

from tests.blocks import write_blocks, write_site


@pytest.fixture(scope="session")
def wrong_way_video(tmp_path_factory):
    """Two blocks drive against the lane, 4.4 s."""
    return write_blocks(tmp_path_factory.mktemp("blocks") / "wrong.mp4")


@pytest.fixture
def site_path(tmp_path):
    return write_site(tmp_path / "site.yaml")
