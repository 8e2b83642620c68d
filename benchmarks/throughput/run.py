"""Frames a second, processor time and memory, end to end: others' way and this project's.

    make test-ultralytics                                # makes .venv-ultralytics, fetches weights
    .venv-ultralytics/bin/pip install lap supervision trackers
    taskset -c 0 .venv/bin/python -m benchmarks.throughput

Everyone runs YOLOv8n on the same clips with the picture's longer side brought to 640, as whole
processes, one after the other, in turn (A B C D A B C D), so that whatever else the machine does
falls on all; ratios are within a round. `whole` counts from the start of the process to its end,
imports and loading included; `steady` leaves out the first SETTLE frames and all that is not
frames. On a machine with other work, trust processor time; pinned to one core (`taskset -c 0`, as
above) nobody gains by how many threads he starts.

The peers decode, detect and track. `traffic-ai process --no-evidence` also reads the signals, runs
the rules and keeps the store. Each at its own defaults; a site with detection regions has them
looked at besides, which is more work and finds more.

Beside them stands the floor: decoding alone, and the detector calls of this project's run alone.
`--switch` adds runs of this project that are not its default: every frame looked at, only the
road's part of the picture, no detection regions, other engines. `--profile` tells processor time by
stage, `--same` whether the violations are those of a run that looks at every frame (slow: the
detector sees every frame once).
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import duration_s
from benchmarks.footage.remember import RememberingDetector
from benchmarks.throughput.contestants import (
    OURS,
    PEERS_PYTHON,
    SWITCHES,
    Contestant,
    Run,
    contestants,
)
from benchmarks.throughput.process import ROOT, run
from benchmarks.throughput.same import compared
from benchmarks.throughput.stages import profile, told
from traffic_ai import attention
from traffic_ai.detectors.engines import EngineChoice
from traffic_ai.detectors.models import weights
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.sources.footage import FileFootage
from traffic_ai.wiring import open_site

FOOTAGE = ROOT.parent / "shared" / "footage"
CONFIGS = ROOT / "configs"
CLIPS = (
    (FOOTAGE / "intersection_bangkok_day_640x360.mp4", CONFIGS / "bangkok_day.yaml"),
    (FOOTAGE / "lanes_shenzhen_640x360.mp4", CONFIGS / "shenzhen_lanes.yaml"),
    (FOOTAGE / "two_way_road" / "a13_201708101531.mp4", CONFIGS / "a13_two_way.yaml"),
    (FOOTAGE / "two_way_road" / "a13_201709211436.mp4", CONFIGS / "a13_two_way.yaml"),
    (ROOT / "sample_videos" / "junction.mp4", CONFIGS / "demo.yaml"),
)


def compare(
    those: Sequence[Contestant], video: Path, site: Path, rounds: int
) -> dict[str, list[Run]]:
    """Rounds of runs on one clip, in turn."""
    done: dict[str, list[Run]] = {one.name: [] for one in those}
    for _ in range(rounds):
        for one in those:
            done[one.name].append(one.run(video, site))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done


def figures(runs: Sequence[Run], ours: Sequence[Run], video_s: float) -> dict[str, float]:
    """Medians of one contestant, and of the ratios within a round (above 1: we are faster)."""

    def median(values: Sequence[float]) -> float:
        return round(float(np.median(values)), 2)

    pairs = list(zip(ours, runs, strict=True))
    counted = [float(r.violations) for r in runs if r.violations is not None]
    return {
        "whole_fps": median([r.whole_fps for r in runs]),
        "steady_fps": median([r.steady_fps for r in runs]),
        "cpu_s_a_video_s": median([r.spent.cpu_s / video_s for r in runs]),
        "peak_mb": median([r.spent.peak_mb for r in runs]),
        "whole_ratio": median([o.whole_fps / r.whole_fps for o, r in pairs]),
        "steady_ratio": median([o.steady_fps / r.steady_fps for o, r in pairs]),
        "cpu_ratio": median([r.spent.cpu_s / o.spent.cpu_s for o, r in pairs]),
        **({"violations": median(counted)} if counted else {}),
    }


def floors(video: Path, site: Path, ours: Run) -> dict[str, float]:
    """Seconds on the clock of decoding and of the detector's calls alone, and ours beside them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as looks:
        json.dump(ours.looks_s, looks)
        looks.flush()
        command = [sys.executable, "-m", "benchmarks.throughput.floor", video, site, looks.name]
        found = json.loads(run(command, {})[1])
    steady_s = len(ours.times_s) / ours.steady_fps
    decode_s, detect_s = found["decode_s"], found["detect_s"]
    return {
        "looks": found["looks"],
        "frames": found["frames"],
        "decode_s": round(decode_s[0], 2),
        "detect_s": round(detect_s[0], 2),
        "decode_cpu_s": round(decode_s[1], 2),
        "detect_cpu_s": round(detect_s[1], 2),
        "ours_steady_s": round(steady_s, 2),
        "over_larger_floor": round(steady_s / max(decode_s[0], detect_s[0]), 2),
        "over_both_floors": round(steady_s / (decode_s[0] + detect_s[0]), 2),
    }


def table(name: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """One clip's figures, for a document."""
    head = (
        "| run | frames/s, whole | steady | CPU s a video s | peak MB "
        "| ours is faster by: whole | steady | CPU | violations |\n" + "|---" * 9 + "|"
    )
    lines = [f"| {who} | " + " | ".join(f"{v:g}" for v in row.values()) + " |"
             for who, row in rows.items()]  # fmt: skip
    return f"\n**{name}**\n\n{head}\n" + "\n".join(lines)


def excerpt(video: Path, seconds: float | None, folder: Path) -> Path:
    """The beginning of a clip, packets kept as they are; the clip where all of it is wanted."""
    if seconds is None:
        return video
    footage = FileFootage(video, "excerpt", None)
    try:
        return footage.clip(0.0, seconds, folder / video.stem).path
    finally:
        footage.close()


def analyse(
    those: Sequence[Contestant], video: Path, site: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Everything asked for about one clip, printed as it comes."""
    result: dict[str, Any] = {}
    if options.rounds:
        runs = compare(those, video, site, options.rounds)
        ours = runs[OURS]
        video_s = duration_s(video)
        rows = {who: figures(done, ours, video_s) for who, done in runs.items()}
        print(table(f"{video.name}, {len(ours[0].times_s)} frames, {video_s:.1f} s", rows))
        result["contestants"] = rows
        result["floor"] = floors(video, site, ours[-1])
        print("\nfloor: " + ", ".join(f"{k} {v:g}" for k, v in result["floor"].items()), flush=True)
    detector = OnnxDetector(weights("yolov8n"), choice=EngineChoice(threads=1))
    if options.profile:
        found = profile(video, open_site(site), detector, every_frame=False)
        print(f"\n{video.name} by stage: {told(found)}", flush=True)
        result["stages_ms_a_frame"] = found.ms_a_frame()
        result["after_detector_share"] = found.after_detector_share
    if options.same:
        same = compared(video, site, RememberingDetector(detector))
        for one in same:
            print(
                f"{video.name}, {one.site}: {one.everything} violations in every frame, "
                f"by {one.looks_a_second:.1f} looks a second "
                f"{one.found}; lost {one.lost}, gained {one.gained}",
                flush=True,
            )
        result["same"] = [dataclasses.asdict(one) for one in same]
    return result


def _lacks(python: Path) -> str | None:
    """Why that Python cannot run the peers, None if it can."""
    if not python.exists():
        return f"{python} is not there; `make test-ultralytics` makes it"
    needed = ("ultralytics", "lap", "supervision", "trackers", "onnxruntime")
    tried = subprocess.run(
        [python, "-c", f"import importlib.util as u; assert all(map(u.find_spec, {needed}))"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        return f"{python} lacks one of {', '.join(needed)}"
    return None


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--clip", nargs=2, type=Path, action="append", metavar=("VIDEO", "SITE"), default=[]
    )
    parser.add_argument("--only", default="", help="of the standard clips, those so named")
    parser.add_argument("--rounds", type=int, default=3, help="0 compares nothing")
    parser.add_argument("--seconds", type=float, help="of each clip, from its beginning; else all")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--leave-out", action="append", default=[], help="a peer, by its name")
    parser.add_argument("--switch", action="append", default=[], choices=SWITCHES,
                        help="also what is not the default")  # fmt: skip
    parser.add_argument("--profile", action="store_true", help="processor time by stage")
    parser.add_argument("--same", action="store_true", help="violations against every frame")
    parser.add_argument("--pause", nargs=2, action="append", default=[], metavar=("NAME", "S"),
                        help="another pause between looks, as NAME of `attention`; for --profile "
                        "and --same")  # fmt: skip
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "throughput")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    for name, seconds in options.pause:
        if not hasattr(attention, name):
            raise SystemExit(f"--pause {name}: `traffic_ai.attention` has no such pause")
        setattr(attention, name, float(seconds))
    those = contestants(options.peers_python, options.switch)
    problem = None if options.without_peers else _lacks(options.peers_python)
    if problem:
        print(f"peers skipped: {problem}")
    if problem or options.without_peers:
        those = [one for one in those if one.name.startswith(OURS)]
    those = [one for one in those if one.name not in options.leave_out]
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for video, site in options.clip or CLIPS:
            if options.only not in video.name:
                continue
            if not video.exists():
                print(f"\n{video.name} skipped: {video} is not there")
                continue
            part = excerpt(video, options.seconds, Path(folder))
            result[video.name] = analyse(those, part, site, options)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "throughput.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
