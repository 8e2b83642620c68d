"""After a run the disk holds no picture that no record owns."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.blocks import ROOT, WRONG, Block, packages_of, write_blocks, write_site
from tests.disk import owned_by_records, unowned, with_pictures

# Two offenders, and others who do nothing.
TRAFFIC = (*WRONG, Block(0.1, leftwards=False, y_px=40), Block(2.0, leftwards=False, y_px=80))


def process(video, site, out, folder, at=""):
    """`traffic-ai process` in a process of its own, its temporary files below `folder`."""
    for name in ("tmp", "home", "cwd"):
        (folder / name).mkdir(exist_ok=True)
    environment = os.environ | {
        "TMPDIR": str(folder / "tmp"),
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home"),
        "TRAFFIC_AI_KEYS": str(folder / "home" / "keys"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BLOCKS_AT": at,
    }
    command = [sys.executable, "-m", "tests.blocks", "process", video, "-s", site, "-o", out]
    return subprocess.run(
        command, cwd=folder / "cwd", env=environment, capture_output=True, check=False
    ).returncode


@pytest.fixture
def made(tmp_path):
    video = write_blocks(tmp_path / "traffic.mp4", TRAFFIC)
    return video, write_site(tmp_path / "site.yaml")


def test_every_picture_on_the_disk_belongs_to_a_record(made, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert process(*made, tmp_path / "run", elsewhere) == 0
    assert len(packages_of(tmp_path / "run")) == 2
    assert unowned(tmp_path / "run", elsewhere) == set()
    assert with_pictures(tmp_path / "run", elsewhere) == set()
    # And the search finds one where it is.
    [some, *_] = sorted(owned_by_records(tmp_path / "run"))
    shutil.copy(some.parent / "at.jpg", elsewhere / "at.bin")
    assert unowned(tmp_path / "run", elsewhere) == {elsewhere / "at.bin"}
    assert with_pictures(tmp_path / "run", elsewhere) == {elsewhere / "at.bin"}


@pytest.mark.parametrize("moment", [12, 40, 54])
def test_a_run_that_was_killed_and_gone_on_with_leaves_none_either(made, tmp_path, moment):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert process(*made, tmp_path / "run", elsewhere, at=f"{moment} SIGKILL") != 0
    assert with_pictures(tmp_path / "run", elsewhere) == set()
    assert process(*made, tmp_path / "run", elsewhere) == 0
    assert len(packages_of(tmp_path / "run")) == 2
    assert unowned(tmp_path / "run", elsewhere) == set()
