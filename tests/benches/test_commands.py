"""The benches can be run: each says how, and the two that need nothing but made-up input do it."""

import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.growth.run import main as growth
from benchmarks.store.many_violations import main as store

needs_trackers = pytest.mark.skipif(
    find_spec("trackers") is None, reason="the package `trackers` is not installed"
)
COMMANDS = (
    "benchmarks.accuracy",
    "benchmarks.detector.batches",
    "benchmarks.detector.gains",
    "benchmarks.detector.recall",
    "benchmarks.detector.run",
    "benchmarks.footage",
    "benchmarks.fuzz",
    "benchmarks.growth",
    "benchmarks.rendering",
    "benchmarks.replay",
    "benchmarks.signals.run",
    "benchmarks.speed_truth",
    "benchmarks.start.run",
    "benchmarks.store.evidence_rate",
    "benchmarks.store.many_violations",
    "benchmarks.throughput",
    "benchmarks.throughput.workers",
    pytest.param("benchmarks.tracking", marks=[needs_trackers]),
    "benchmarks.verify",
    "benchmarks.watch.eight_cameras",
    "benchmarks.watch.live_traffic",
    "benchmarks.watch.rounds",
    "benchmarks.watch.slow_looks",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bench_says_how_it_is_run(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, command, raising=False)  # else runpy warns
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command, run_name="__main__")
    assert not ended.value.code
    assert "usage:" in capsys.readouterr().out


def test_growth_tells_the_cost_of_each_size(tmp_path: Path) -> None:
    small = ["--vehicles", "3", "--zones", "1", "2", "--cameras", "1", "--seconds", "7"]
    assert growth([*small, "--hours", "0", "--out", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "growth.json").read_text())
    assert [(row["vehicles"], row["zones"]) for row in told["vehicles_and_zones"]] == [
        (3, 1),
        (3, 2),
    ]
    assert all(row["all_ms"] > 0.0 for row in told["vehicles_and_zones"])
    assert [row["cameras"] for row in told["cameras"]] == [1]


def test_a_store_is_filled_and_timed_at_each_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store(["--rows", "0", "300", "--points", "2", "--folder", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "store.json").read_text())
    assert list(told) == ["0", "300"]
    assert {"cold", "warm", "cpu"} == set(told["300"]["list of a camera and kind"])
    assert "| traffic-ai export, csv |" in capsys.readouterr().out
