"""Judges a run folder by a truth file: reads both, compares, scores the tracks."""

from dataclasses import dataclass, replace
from pathlib import Path

from traffic_ai.core.errors import UsageError
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evaluate.core import evaluate
from traffic_ai.evaluate.judging import Parameters
from traffic_ai.evaluate.matching import TOLERANCE_S
from traffic_ai.evaluate.report import Report
from traffic_ai.evaluate.run_folder import Run, Wanted, read_run
from traffic_ai.evaluate.tracking import box_paths, score_tracks
from traffic_ai.evaluate.truth import Truth
from traffic_ai.evaluate.truth_document import read_truth


@dataclass(frozen=True, slots=True)
class Judged:
    """A run, its truth, and the outcome."""

    run: Run
    truth: Truth
    report: Report


def evaluate_run(wanted: Wanted, truth_path: Path, tolerance_s: float = TOLERANCE_S) -> Judged:
    """The outcome of a run folder. Raises UsageError where run and truth do not fit together."""
    truth = read_truth(truth_path)
    run = read_run(wanted, truth)
    parameters = Parameters.of(run.camera.rules, run.scene)
    report = evaluate(
        run.records,
        run.near_misses,
        truth,
        parameters,
        box_paths(run.tracks or ()),
        tolerance_s,
    )
    notes = [*run.notes, *_kind_notes(truth, parameters)]
    tracks = []
    if run.tracks is not None and truth.vehicles:
        try:
            tracks.append(score_tracks(run.tracks, truth))
        except UsageError as error:
            notes.append(str(error))
    return Judged(run, truth, replace(report, tracks=tuple(tracks), notes=tuple(notes)))


def _kind_notes(truth: Truth, parameters: Parameters) -> list[str]:
    """Which kinds were left out, and why."""
    missing = {true.kind for true in truth.violations} - parameters.kinds
    unsought = parameters.kinds - truth.kinds
    return [
        f"{kind.value}: true violations, but its rule did not run; left out"
        for kind in ViolationKind
        if kind in missing
    ] + [
        f"{kind.value}: the truth did not look for it; left out"
        for kind in ViolationKind
        if kind in unsought
    ]
