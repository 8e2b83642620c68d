"""Making the sample: draw every frame, record its truth, encode, and write the files."""

import csv
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import cv2

from traffic_ai.simulate import scenario
from traffic_ai.simulate.arrays import Picture
from traffic_ai.simulate.draw.compose import FrameRenderer
from traffic_ai.simulate.draw.video import write_video
from traffic_ai.simulate.layout import CAMERA
from traffic_ai.simulate.motion import frame_times_s
from traffic_ai.simulate.truth import TruthRecorder, write_truth

Drawn = tuple[Picture, dict[int, float]]
_worker: list[FrameRenderer] = []  # each drawing process keeps its renderer here


def make(out: Path, seed: int, seconds: float, crf: int, jobs: int) -> None:
    """Write junction.mp4, junction.truth.json and junction.signals.csv into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    times_s = frame_times_s(seconds, scenario.FRAMES_PER_SECOND)
    truth = TruthRecorder(CAMERA, seed)

    def frames() -> Iterator[tuple[float, Picture]]:
        for index, (picture, unhidden) in enumerate(_drawn(len(times_s), seed, jobs)):
            t_s = float(times_s[index])
            truth.add(index, t_s, scenario.present_trips(t_s), unhidden)
            if index % 100 == 0:
                print(f"frame {index} of {len(times_s)}", flush=True)
            yield t_s, picture

    write_video(
        str(out / "junction.mp4"),
        frames(),
        (CAMERA.width_px, CAMERA.height_px),
        scenario.FRAMES_PER_SECOND,
        crf,
    )
    write_truth(truth.document(times_s), out / "junction.truth.json")
    with (out / "junction.signals.csv").open("w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle, lineterminator="\n")
        rows.writerow(["time", "group", "aspect"])
        rows.writerows(
            [f"{phase.start_s:.3f}", scenario.SIGNAL_GROUP, phase.aspect]
            for phase in scenario.PHASES
        )


def _drawn(count: int, seed: int, jobs: int) -> Iterator[Drawn]:
    """All frames in order, drawn by so many processes."""
    if jobs <= 1:
        _start_worker(seed)
        yield from map(_draw, range(count))
        return
    with get_context("spawn").Pool(jobs, _start_worker, (seed,)) as pool:
        yield from pool.imap(_draw, range(count), chunksize=8)


def _start_worker(seed: int) -> None:
    cv2.setNumThreads(1)  # the processes already share the cores
    _worker[:] = [FrameRenderer(CAMERA, seed)]


def _draw(index: int) -> Drawn:
    t_s = index / scenario.FRAMES_PER_SECOND
    return _worker[0].draw(t_s, index, scenario.present_trips(t_s))
