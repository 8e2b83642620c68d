"""A folder of files in one worker and in several: frames a second of the whole run.

    .venv/bin/python -m benchmarks.throughput.workers [--workers 2] [--seconds 10] [--rounds 3]

Excerpts of the clips, twice as many as workers, each of its own content. `one core`: one worker
that has one core to itself; `all cores`: one worker that has all, as is the default.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.throughput.process import ROOT, Spent, run
from traffic_ai.sources.footage import FileFootage

VIDEO, SITE = ROOT / "sample_videos" / "junction.mp4", ROOT / "configs" / "demo.yaml"


def folder_of(folder: Path, video: Path, count: int, seconds: float) -> Path:
    """Excerpts of a clip that begin at different places."""
    footage = FileFootage(video, "excerpt", None)
    for number in range(count):
        start_s = number * seconds / 2.0
        footage.clip(start_s, start_s + seconds, folder / f"{number}")
    footage.close()
    return folder


def spent_by(videos: Path, site: Path, workers: int, cores: Sequence[int]) -> Spent:
    """What a run over a folder takes, start to end."""
    with TemporaryDirectory() as out:
        pinned = ["taskset", "-c", ",".join(map(str, cores))]
        command = [*pinned, sys.executable, "-m", "traffic_ai.cli.main", "process", videos]
        options = ["--site", site, "--out", Path(out) / "out", "--no-evidence"]
        spent, _ = run([*command, *options, "--workers", workers], {})
    return spent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--video", type=Path, default=VIDEO)
    parser.add_argument("--site", type=Path, default=SITE)
    options = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))
    ways = {
        "one worker, one core": (1, cores[:1]),
        "one worker, all cores": (1, cores),
        f"{options.workers} workers, all cores": (options.workers, cores),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    with TemporaryDirectory() as name:
        videos = folder_of(Path(name), options.video, 2 * options.workers, options.seconds)
        for _ in range(options.rounds):
            for way, (workers, pinned) in ways.items():
                spent = spent_by(videos, options.site, workers, pinned)
                took[way].append(spent.clock_s)
                print(
                    f"{way}: {spent.clock_s:.1f} s, {spent.cpu_s:.1f} s of processor time",
                    flush=True,
                )
    *alone, together = took.values()
    for way, one in zip(ways, alone, strict=False):
        ratio = float(np.median(np.divide(one, together)))
        print(f"{options.workers} workers are {ratio:.2f} times as fast as {way}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
