"""A run folder with packages, made once; tests that alter one take a copy."""

import shutil

import pytest

from tests.batch.runs import analyse
from tests.blocks import write_blocks, write_site
from tests.cli.conftest import call, no_key

__all__ = ["call", "no_key"]


@pytest.fixture(scope="session")
def blocks_run(tmp_path_factory):
    """Two wrong-way blocks, analysed with their evidence."""
    folder = tmp_path_factory.mktemp("blocks")
    site = write_site(folder / "site.yaml")
    analyse(site, folder / "out", [write_blocks(folder / "wrong.mp4")])
    return folder / "out"


@pytest.fixture
def run_copy(blocks_run, tmp_path):
    """A copy of that run."""
    return shutil.copytree(blocks_run, tmp_path / "run")
