"""Calling `traffic-ai` as a person does."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.blocks import ROOT, BlockDetector, write_blocks, write_site
from traffic_ai import wiring
from traffic_ai.cli.main import main


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_key(monkeypatch, tmp_path):
    """The key of whoever runs the tests is not theirs."""
    monkeypatch.setenv("TRAFFIC_AI_KEYS", str(tmp_path / "keys"))


@pytest.fixture
def call(capsys, monkeypatch):
    """Calls the entry point in this process, with the detector of blocks."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")

    def calling(*arguments):
        monkeypatch.setattr(sys, "argv", ["traffic-ai", *map(str, arguments)])
        monkeypatch.setattr(wiring, "load_detector", lambda options, progress=None: BlockDetector())
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        return Called(code, printed.out, printed.err)

    return calling


@pytest.fixture
def command():
    """Calls the command as a process of its own; `at`: see `tests.blocks`."""

    def calling(*arguments, at="", prefix=(), **environment):
        full = [*prefix, sys.executable, "-m", "tests.blocks", *map(str, arguments)]
        ended = subprocess.run(
            full,
            cwd=ROOT,
            env=os.environ | environment | {"BLOCKS_AT": at},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            # A shell's background jobs ignore Ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        return Called(ended.returncode, ended.stdout, ended.stderr)

    return calling


@pytest.fixture
def site_path(tmp_path):
    return write_site(tmp_path / "site.yaml")


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """Two blocks drive against the lane."""
    return write_blocks(tmp_path_factory.mktemp("blocks") / "wrong.mp4")
