"""The road-plane tracker against ByteTrack, OC-SORT and SORT (package `trackers`, Apache-2.0).

    python -m venv .venv-bench
    .venv-bench/bin/pip install -e . trackers
    .venv-bench/bin/python -m benchmarks.tracking

On the sample junction every tracker gets the same detections (default detector, riders merged) with
their presentation times, at the full rate, thinned to 8 fps, and with 30 % of the frames dropped;
the drawn scene's truth judges them. On boxes another tool left of a real junction there is no
truth, only an account of the tracks. Last, the time an update takes.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.tracking.clips import Clip, foreign, sample
from benchmarks.tracking.contestants import Entry, entries, run
from benchmarks.tracking.proxies import account
from benchmarks.tracking.timing import milliseconds
from benchmarks.tracking.truth import score, switches, true_frames
from traffic_ai.core.scene import Scene

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_videos" / "junction.mp4"
FOREIGN = ROOT.parent / "shared" / "footage" / "opendatacam_detections.json"
FOREIGN_SIZE_PX, FOREIGN_RATE_HZ = (640, 360), 30.0
THINNED_HZ, DROPPED = 8.0, 0.3
COUNTS = (10, 30, 50, 100)

Table = dict[str, dict[str, float]]


def against_truth(options: argparse.Namespace, contest: Mapping[str, Entry]) -> dict[str, Table]:
    """Scores by clip and tracker; where frames drop at random, the mean over the seeds."""
    whole, scene = sample(options.video, options.site, options.out)
    truth = true_frames(options.truth)
    dropped = [whole.dropped(DROPPED, seed) for seed in range(options.seeds)]
    result = {}
    for clips in ([whole], [whole.thinned(THINNED_HZ)], dropped):
        table: Table = {}
        for name, entry in contest.items():
            scores = []
            for clip in clips:
                answers = run(entry.make(clip, scene), clip)
                scores.append(dataclasses.asdict(score(clip, truth, answers)))
                if options.cases:
                    _print_cases(name, clip, switches(clip, truth, answers))
            table[name] = _mean(scores)
        result[clips[0].name] = table
        _print_table(f"sample junction, {clips[0].name}", table)
    return result


def without_truth(path: Path, contest: Mapping[str, Entry]) -> dict[str, Table]:
    """Accounts by clip and tracker; empty, with the reason said, where the boxes are not there."""
    if not path.exists():
        print(f"\nforeign boxes skipped: {path} is not there")
        return {}
    whole = foreign(path, *FOREIGN_SIZE_PX, FOREIGN_RATE_HZ)
    scene = Scene("cam", *FOREIGN_SIZE_PX)
    result = {}
    for clip in (whole, whole.thinned(THINNED_HZ)):
        table = {
            name: dataclasses.asdict(account(clip, run(entry.make(clip, scene), clip)))
            for name, entry in contest.items()
            if name != "road plane"
        }
        result[clip.name] = table
        _print_table(f"foreign boxes (no truth), {clip.name}", table)
    return result


def update_times(contest: Mapping[str, Entry]) -> Table:
    """Milliseconds an update, by tracker and number of objects."""
    table = {
        name: {f"{n} objects": ms for n, ms in milliseconds(entry, COUNTS).items()}
        for name, entry in contest.items()
        if "alike" not in name
    }
    _print_table("milliseconds of processor time an update", table)
    return table


def _mean(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in scores])) for key in scores[0]}


def _print_table(title: str, table: Table) -> None:
    columns = list(next(iter(table.values())))
    widths = [max(len(column), 6) + 2 for column in columns]
    print(f"\n{title}")
    print(" " * 24 + "".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True)))
    for name, row in table.items():
        cells = (f"{row[c]:>{w}.2f}" for c, w in zip(columns, widths, strict=True))
        print(f"{name:24}" + "".join(cells), flush=True)


def _print_cases(name: str, clip: Clip, cases: Sequence[object]) -> None:
    for case in cases:
        print(f"{name}, {clip.name}: {case}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Trackers compared.")
    parser.add_argument("--video", type=Path, default=SAMPLE)
    parser.add_argument("--truth", type=Path, default=SAMPLE.with_suffix(".truth.json"))
    parser.add_argument("--site", type=Path, default=ROOT / "configs" / "demo.yaml")
    parser.add_argument("--foreign", type=Path, default=FOREIGN)
    parser.add_argument("--seeds", type=int, default=5, help="random drops that are averaged")
    parser.add_argument("--cases", action="store_true", help="list every change of number")
    parser.add_argument("--no-timing", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "tracking")
    options = parser.parse_args(arguments)
    contest = entries()
    result = {
        "trackers": version("trackers"),
        "parameters": {name: entry.parameters for name, entry in contest.items()},
        "sample": against_truth(options, contest),
        "foreign": without_truth(options.foreign, contest),
        "update_ms": {} if options.no_timing else update_times(contest),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "tracking.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
