"""The drawn cases: `traffic-ai simulate`, `process` and the evaluation, as a user runs them."""

import subprocess
import sys
from pathlib import Path

import yaml

from benchmarks.accuracy.suite import Case
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.run import evaluate_run
from traffic_ai.evaluate.run_folder import Wanted


def run_drawn(case: Case, seed: int, folder: Path) -> Report:
    """A case drawn and processed; what was drawn before is taken again."""
    drawn, run = folder / f"{case.name}-{seed}", folder / f"{case.name}-{seed}" / "run"
    drawn.mkdir(parents=True, exist_ok=True)
    scenario = drawn / "scenario.yaml"
    scenario.write_text(
        yaml.safe_dump(case.scenario.model_dump(mode="json", exclude_unset=True), sort_keys=False)
    )
    if not (drawn / "truth.json").exists():
        _command("simulate", scenario, "--out", drawn, "--seed", seed, "--jobs", 1)
    site = drawn / "site.yaml"
    _command(
        "process",
        drawn / "video.mp4",
        "--site",
        site,
        "--out",
        run,
        "--keep-tracks",
        "--no-evidence",
    )
    return evaluate_run(Wanted(run, site), drawn / "truth.json").report


def _command(*words: object) -> None:
    command = [str(Path(sys.executable).parent / "traffic-ai"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-800:]}")
