"""The whole command on the sample video, with `.pt` weights and with ONNX: the same violations."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
VIDEO = ROOT / "sample_videos" / "junction.mp4"
SITE = ROOT / "configs" / "demo.yaml"
SAME_S = 0.5


def command(*words: str) -> str:
    """What `traffic-ai` prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "traffic_ai.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"traffic-ai {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


def violations(out: Path, *weights: str) -> list[dict[str, Any]]:
    """The records of the sample video, by time."""
    told = ("--site", str(SITE), "--out", str(out), "--no-evidence", *weights)
    command("process", str(VIDEO), *told)
    lines = command("export", str(out), "--format", "jsonl").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda record: record["t_s"])


@pytest.mark.timeout(3600)
def test_pt_weights_give_the_same_violations_as_onnx(tmp_path: Path) -> None:
    onnx = violations(tmp_path / "onnx")
    pt = violations(tmp_path / "pt", "--weights", "yolov8n-pt", "--allow-pt")
    kinds = {record["kind"] for record in onnx}
    assert kinds == {"red_light", "stop_over_line", "wrong_way", "speeding"}
    assert [(r["kind"], r["lane_id"]) for r in pt] == [(r["kind"], r["lane_id"]) for r in onnx]
    for one, other in zip(onnx, pt, strict=True):
        assert other["t_s"] == pytest.approx(one["t_s"], abs=SAME_S)
        assert other["road_user"] == one["road_user"]
    hashes = {run[0]["provenance"]["model_hash"] for run in (onnx, pt)}
    assert len(hashes) == 2, "both runs had the same weights"


def test_pt_weights_are_refused_unless_asked_for(tmp_path: Path) -> None:
    """Reading a .pt file runs code in it."""
    words = ("process", str(VIDEO), "--site", str(SITE), "--out", str(tmp_path / "out"))
    refused = subprocess.run(
        [sys.executable, "-m", "traffic_ai.cli.main", *words, "--weights", "yolov8n-pt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "--allow-pt" in refused.stderr
