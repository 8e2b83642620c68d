"""Milliseconds a detection, by input size: the graph as exported against the cut one.

    python benchmarks/detector/run.py [--weights yolov8n] [--threads 2] [--rounds 20]

The ways take turns, so that a busy machine slows all alike; the ratio is what to compare. Times
are medians and leave nothing out: letterbox, network, decoding and suppression of a 1280x720
picture full of made-up patches. Loading is timed once.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from traffic_ai.core.frame import Image
from traffic_ai.detectors.engines import EngineChoice
from traffic_ai.detectors.exported import Export
from traffic_ai.detectors.models import weights
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.yolo import YoloDetector


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1000.0 * (time.perf_counter() - start)


def made_up_picture(width: int, height: int) -> Image:
    random = np.random.default_rng(0)
    patches = random.integers(0, 256, (height // 40, width // 40, 3)).astype(np.uint8)
    return np.kron(patches, np.ones((40, 40, 1), np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="yolov8n")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    path: Path = weights(arguments.weights)
    choice = EngineChoice(threads=arguments.threads)
    load_ms = milliseconds(lambda: OnnxDetector(path, choice=choice))
    export = Export(path.read_bytes(), str(path), arguments.threads or 1)
    whole = YoloDetector(export.whole(choice), "whole")
    cut = OnnxDetector(path, choice=choice)
    wide, square = made_up_picture(1280, 720), made_up_picture(720, 720)
    region = made_up_picture(480, 480)
    ways: dict[str, Callable[[], object]] = {
        "as exported, 640x640": lambda: whole.detect(wide),
        "cut, 640x640": lambda: cut.detect(square),
        "cut, 640x384 (720p at 640)": lambda: cut.detect(wide),
        "cut, 416x256 (720p at 416)": lambda: cut.detect(wide, 416),
        "cut, 960x544 (720p at 960)": lambda: cut.detect(wide, 960),
        "cut, 960x960 (the largest enlarged region)": lambda: cut.detect(region, 960),
        "cut, 1280x736 (720p as it is)": lambda: cut.detect(wide, 1280),
    }
    for call in ways.values():
        call()
    times = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, call in ways.items():
            times[name].append(milliseconds(call))
    print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}; load {load_ms:.0f} ms")
    base = float(np.median(times["as exported, 640x640"]))
    print(f"{'way':<44}{'median':>8}{'least':>8}{'ratio':>7}")
    for name, values in times.items():
        median = float(np.median(values))
        print(f"{name:<44}{median:8.1f}{min(values):8.1f}{median / base:7.2f}")


if __name__ == "__main__":
    main()
