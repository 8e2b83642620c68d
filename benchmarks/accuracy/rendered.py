"""The drawn cases: `traffic-ai simulate`, what `process` does, and the evaluation.

A drawn video and what the detector saw in it are kept: a second run takes seconds a case, so that
changed rules can be tried. Remove the folder to have everything drawn anew.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from benchmarks.accuracy.could_be_seen import of_those_seen
from benchmarks.accuracy.remembered import RememberingDetector
from benchmarks.accuracy.suite import Case
from traffic_ai.batch.outcome import FileOutcome, FileState
from traffic_ai.batch.run import Batch
from traffic_ai.core.violation import Violation
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.run import evaluate_run
from traffic_ai.evaluate.run_folder import Wanted
from traffic_ai.wiring import DetectorOptions, load_detector, open_site

CASES = Path(__file__).parent / "drawn.yaml"
_SCENARIO = "scenario.yaml"


def run_drawn(case: Case, seed: int, folder: Path) -> tuple[Report, Report]:
    """A case drawn and processed; what was drawn and seen before is taken again.

    The report, and that of the violations which could be seen.
    """
    drawn = folder / f"{case.name}-{seed}"
    _draw(case, seed, drawn)
    run = drawn / "run"
    shutil.rmtree(run, ignore_errors=True)
    _process(drawn, run, load_detector(DetectorOptions()))
    judged = evaluate_run(Wanted(run, drawn / "site.yaml"), drawn / "truth.json")
    return judged.report, of_those_seen(judged.report, judged.truth)


def _draw(case: Case, seed: int, drawn: Path) -> None:
    """Draw the case unless this very scenario was drawn before."""
    given = case.scenario.model_dump(mode="json", exclude_unset=True)
    text = yaml.safe_dump(given, sort_keys=False)
    scenario = drawn / _SCENARIO
    if (drawn / "truth.json").exists() and scenario.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(drawn, ignore_errors=True)
    drawn.mkdir(parents=True)
    scenario.write_text(text, encoding="utf-8")
    program = Path(sys.executable).parent / "traffic-ai"
    wanted = ["--out", drawn, "--seed", seed, "--jobs", 1]
    command = [str(word) for word in (program, "simulate", scenario, *wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-800:]}")


def _process(drawn: Path, run: Path, detector: SizedDetector) -> None:
    """As `traffic-ai process --keep-tracks --no-evidence`."""
    remembering = RememberingDetector(detector, drawn / "detections.npz")
    batch = Batch(
        open_site(drawn / "site.yaml"), run, remembering, write_evidence=False, keep_tracks=True
    )
    outcomes = batch.run([drawn / "video.mp4"], _Quiet())
    remembering.save()
    for outcome in outcomes:
        if outcome.state is not FileState.DONE:
            raise RuntimeError(f"{outcome.path} is {outcome.state}: {outcome.message}")


class _Quiet:
    """Implements `batch.outcome.Listener`; says nothing."""

    def file_begins(self, path: Path, number: int, total: int, duration_s: float | None) -> None:
        """Nothing."""

    def frame_done(self, t_s: float, from_log: bool) -> None:
        """Nothing."""

    def violation_found(self, violation: Violation) -> None:
        """Nothing."""

    def file_ended(self, outcome: FileOutcome) -> None:
        """Nothing."""
