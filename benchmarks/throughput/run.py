"""Frames a second, end to end: Ultralytics' `track` and this project's `traffic-ai process`.

    make test-ultralytics                                # makes .venv-ultralytics, fetches weights
    .venv-ultralytics/bin/pip install lap                # Ultralytics' tracker wants it
    .venv/bin/python -m benchmarks.throughput

Both run YOLOv8n on the same clip as whole processes, one after the other, in turn (A B A B), so
that whatever else the machine does falls on both; the ratio is of neighbours, above 1 where this
project is faster. `whole` counts from the start of the process to its end, imports and loading
included; `steady` leaves out the first SETTLE frames and everything before and after the frames;
`cpu` is the processor time of the whole process, in milliseconds a frame.

Ultralytics decodes, detects and tracks. `traffic-ai process --no-evidence` also reads the signals,
runs the rules and keeps the store. Each at its own defaults, with the picture brought to 640; a
site with detection regions has them looked at besides, which is more work and finds more. `--alike`
runs such sites once more without their regions.

Ultralytics gives its network one thread less than there are cores: one, on two cores. This project
gives it all of them. `--threads 2` gives Ultralytics two.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from traffic_ai.detectors.models import weights

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FOOTAGE = ROOT.parent / "shared" / "footage"
CLIPS = (
    (FOOTAGE / "intersection_bangkok_day_640x360.mp4", ROOT / "configs" / "bangkok_day.yaml"),
    (ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"),
)
SETTLE = 25


@dataclass(frozen=True, slots=True)
class Run:
    """One process: frames a second over all of it, and over the frames after the first SETTLE.

    cpu_ms_per_frame: processor time of the whole process, all its threads, by frame.
    """

    frames: int
    whole_fps: float
    steady_fps: float
    cpu_ms_per_frame: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Neighbouring runs of the two."""

    theirs: Run
    ours: Run

    @property
    def whole_ratio(self) -> float:
        return self.ours.whole_fps / self.theirs.whole_fps

    @property
    def steady_ratio(self) -> float:
        return self.ours.steady_fps / self.theirs.steady_fps

    @property
    def cpu_ratio(self) -> float:
        return self.theirs.cpu_ms_per_frame / self.ours.cpu_ms_per_frame


@dataclass(frozen=True, slots=True)
class Theirs:
    """How Ultralytics is run. threads: of its network, None for its own choice."""

    python: Path
    weights: Path
    threads: int | None

    def command(self, video: Path) -> list[object]:
        command = [self.python, HERE / "ultralytics_track.py", self.weights, video]
        return command if self.threads is None else [*command, self.threads]


def run_theirs(theirs: Theirs, video: Path) -> Run:
    """One run of Ultralytics' `track`; nothing is fetched, sent or installed meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
        spent, said = _timed(theirs.command(video), settings)
    return _run(json.loads(said.splitlines()[-1]), spent)


def run_ours(video: Path, site: Path) -> Run:
    """One run of `traffic-ai process` into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        command = [sys.executable, HERE / "traffic_ai_process.py", times, video, "--site", site]
        spent, _ = _timed([*command, "--out", Path(folder) / "out", "--no-evidence"], {})
        return _run(json.loads(times.read_text()), spent)


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a process took: seconds on the clock, and of processor time."""

    clock_s: float
    cpu_s: float


def _timed(command: Sequence[object], settings: Mapping[str, str]) -> tuple[_Spent, str]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    clock_s, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Spent(clock_s, cpu_s), done.stdout


def _run(times_s: list[float], spent: _Spent) -> Run:
    frames = len(times_s)
    if frames <= 2 * SETTLE:
        raise SystemExit(f"the clip has {frames} frames; more than {2 * SETTLE} are needed")
    steady_s = times_s[-1] - times_s[SETTLE]
    return Run(
        frames=frames,
        whole_fps=frames / spent.clock_s,
        steady_fps=(frames - 1 - SETTLE) / steady_s,
        cpu_ms_per_frame=1000.0 * spent.cpu_s / frames,
    )


def without_regions(site: Path, folder: Path) -> Path | None:
    """A copy of a site file without its detection regions, None if it has none."""
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    found = [camera.pop("detection_regions", None) for camera in document["cameras"]]
    if not any(found):
        return None
    path = folder / site.name
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def compare(name: str, theirs: Theirs, video: Path, site: Path, pairs: int) -> dict[str, object]:
    """Pairs of runs on one clip, printed as they come."""
    print(f"\n{name}", flush=True)
    done = []
    for _ in range(pairs):
        pair = Pair(run_theirs(theirs, video), run_ours(video, site))
        done.append(pair)
        print("  " + ", ".join(f"{key} {value:.2f}" for key, value in _figures(pair).items()))
    figures = [_figures(pair) for pair in done]
    medians = {key: float(np.median([one[key] for one in figures])) for key in figures[0]}
    print("  medians: " + ", ".join(f"{key} {value:.2f}" for key, value in medians.items()))
    return {"medians": medians, "pairs": [dataclasses.asdict(p) for p in done]}


def _figures(pair: Pair) -> dict[str, float]:
    return {
        "theirs_whole_fps": pair.theirs.whole_fps,
        "ours_whole_fps": pair.ours.whole_fps,
        "whole_ratio": pair.whole_ratio,
        "theirs_steady_fps": pair.theirs.steady_fps,
        "ours_steady_fps": pair.ours.steady_fps,
        "steady_ratio": pair.steady_ratio,
        "theirs_cpu_ms": pair.theirs.cpu_ms_per_frame,
        "ours_cpu_ms": pair.ours.cpu_ms_per_frame,
        "cpu_ratio": pair.cpu_ratio,
    }


def _can_track(python: Path) -> str | None:
    """Why that Python cannot run Ultralytics' tracker, None if it can."""
    if not python.exists():
        return f"{python} is not there; `make test-ultralytics` makes it"
    tried = subprocess.run(
        [
            python,
            "-c",
            "import importlib.util as u; assert u.find_spec('ultralytics');"
            "assert u.find_spec('lap')",
        ],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        return f"{python} lacks ultralytics or lap; `{python.parent / 'pip'} install lap` adds it"
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Throughput against Ultralytics' track.")
    parser.add_argument(
        "--clip", nargs=2, type=Path, action="append", metavar=("VIDEO", "SITE"), default=[]
    )
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument(
        "--python-ultralytics",
        type=Path,
        default=ROOT / ".venv-ultralytics" / "bin" / "python",
    )
    parser.add_argument(
        "--threads", type=int, help="for Ultralytics' network; its own choice is the cores less one"
    )
    parser.add_argument("--alike", action="store_true", help="also without detection regions")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "throughput")
    options = parser.parse_args(arguments)
    problem = _can_track(options.python_ultralytics)
    if problem:
        print(f"throughput skipped: {problem}")
        return 0
    theirs = Theirs(options.python_ultralytics, weights("yolov8n-pt"), options.threads)
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for video, site in options.clip or CLIPS:
            if not video.exists():
                print(f"\n{video.name} skipped: {video} is not there")
                continue
            sites = {f"{video.name}, {site.name}": site}
            alike = without_regions(site, Path(folder)) if options.alike else None
            if alike:
                sites[f"{video.name}, {site.name} without detection regions"] = alike
            for name, one in sites.items():
                result[name] = compare(name, theirs, video, one, options.pairs)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "throughput.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
