"""After a run the disk holds no picture that no record owns."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from tests.blocks import ROOT, WRONG, Block, packages_of, rows_of, write_blocks, write_site
from tests.disk import FILM_MARKS, files_below, owned_by_records, unowned, with_pictures
from tests.rtsp import needs_rtsp
from tests.watch.conftest import blocks_video, run_watch, serve
from traffic_ai.evidence.encryption import make_reader

__all__ = ["blocks_video", "run_watch", "serve"]

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
    command = [
        sys.executable,
        "-m",
        "tests.blocks",
        "process",
        video,
        "-s",
        site,
        "-o",
        out,
        "--every-frame",
    ]
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
    # Packages are written beside the analysis: whole ones and one in the writing, each a record's.
    folders = {path.parent.name for path in with_pictures(tmp_path / "run", elsewhere)}
    owners = {name.split(".")[1] if name.endswith(".partial") else name for name in folders}
    assert owners <= {row["id"] for row in rows_of(tmp_path / "run")["violations"]}
    assert process(*made, tmp_path / "run", elsewhere) == 0
    assert len(packages_of(tmp_path / "run")) == 2
    assert unowned(tmp_path / "run", elsewhere) == set()


@pytest.mark.parametrize("moment", [12, 40, 54])
def test_of_a_run_with_readers_no_picture_lies_there_at_any_moment(made, tmp_path, moment):
    """Not in the packages either, whole or unfinished, and not after a kill."""
    video, site = made
    [public] = make_reader(tmp_path / "reader.key").public_keys
    site.write_text(site.read_text() + f"evidence: {{encrypt_for: [{public}]}}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for at in (f"{moment} SIGKILL", ""):
        assert (process(video, site, tmp_path / "run", elsewhere, at=at) == 0) == (at == "")
        for path in files_below(tmp_path / "run", elsewhere):
            data = path.read_bytes()
            assert not any(data.startswith(mark) for mark in FILM_MARKS), path
            assert not any(mark in data for mark in FILM_MARKS if len(mark) > 3), path
    assert len(packages_of(tmp_path / "run")) == 2
    assert unowned(tmp_path / "run", elsewhere) == set()


class TestOfAWatch:
    pytestmark = needs_rtsp

    def test_a_watch_leaves_none_either(self, serve, run_watch, tmp_path, monkeypatch):
        """Everything a live camera shows passes through memory; of it, records keep theirs."""
        run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setenv("TMPDIR", str(elsewhere))
        monkeypatch.setattr(tempfile, "tempdir", None)
        site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
        running = run_watch(site, run)
        running.until(lambda views: (run / "evidence").is_dir() and packages_of(run))
        running.stop()
        assert packages_of(run)
        assert owned_by_records(run)
        assert with_pictures(run, elsewhere) == set()
