"""Draws vehicles, runs the default detector on them, and prints what it saw and what it cost.

    python -m benchmarks.rendering [--light day] [--weather clear] [--fps 6.25] [--samples FILE]

Recall is at 0.25 confidence, of vehicles seen whole; a box counts from an overlap (IoU) of 0.5.
"whole" looks at the 1280x720 picture at 640, "regions" besides at the road's part of it and at its
far half, as a site file asks for. False boxes are counted in empty scenes of different seeds.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.rendering.measure import Sample, false_boxes, samples
from benchmarks.rendering.report import (
    correlation_table,
    edge_table,
    model_table,
    recall_table,
    save,
    summary_table,
)
from benchmarks.rendering.scenes import KINDS, empty_worlds, passing_worlds
from traffic_ai.detectors.regions import SizedDetector
from traffic_ai.simulate.draw.catalogue import models
from traffic_ai.simulate.draw.renderer import Renderer
from traffic_ai.simulate.draw.video import encode
from traffic_ai.simulate.traffic import load_scenario, make_world
from traffic_ai.simulate.world import Look
from traffic_ai.wiring import DetectorOptions, load_detector

DETECTORS = ("whole", "regions")
TABLES = (summary_table, recall_table, model_table, edge_table, correlation_table)


def main() -> int:
    arguments = _arguments()
    cv2.setNumThreads(1)
    look = Look(light=arguments.light, weather=arguments.weather)
    if arguments.only in ("", "speed"):
        print(speed(arguments.frames), "\n", flush=True)
    if arguments.only == "speed":
        return 0
    weights = load_detector(DetectorOptions())
    if arguments.only in ("", "false"):
        counts = [false_boxes(world, weights) for world in empty_worlds(look, arguments.empty)]
        for name in DETECTORS:
            mean = np.mean([count[name] for count in counts])
            print(f"false boxes a picture, {name}: {mean:.3f} in {len(counts)} empty scenes")
        print(flush=True)
    if arguments.only in ("", "recall"):
        found = _passing(look, arguments, weights)
        for name in DETECTORS:
            for table in TABLES:
                print("\n".join(table(found, name)), "\n", flush=True)
        if arguments.samples is not None:
            save(found, arguments.samples)
    return 0


def speed(frames: int) -> str:
    """Processor time a picture, drawn and encoded in one process."""
    world = make_world(load_scenario("junction-day"), 1)
    start = int(np.searchsorted(world.timing.t_s, 20.0))
    began = time.process_time()
    renderer = Renderer(world)
    renderer.draw(start)
    first_s = time.process_time() - began
    times, pictures, count = [], [], []
    for index in range(start + 1, start + 1 + frames):
        began = time.process_time()
        drawn = renderer.draw(index)
        times.append(time.process_time() - began)
        pictures.append(drawn.picture)
        count.append(len(drawn.visible))
    with tempfile.TemporaryDirectory() as folder:
        timing = world.timing
        part = type(timing)(timing.t_s[:frames], timing.stamps_s[:frames], timing.declared_fps)
        began = time.process_time()
        encode(Path(folder) / "video.mp4", pictures, part, world.look)
        encode_s = (time.process_time() - began) / frames
    draw_s = float(np.mean(times))
    size = f"{world.camera.width_px}x{world.camera.height_px}"
    return (
        f"drawing {size}, {np.mean(count):.1f} vehicles in the picture: {1000 * draw_s:.0f} ms of "
        f"processor time a picture (median {1000 * np.median(times):.0f}), encoding "
        f"{1000 * encode_s:.0f} ms, so {1 / (draw_s + encode_s):.1f} pictures a second and core; "
        f"the first picture {first_s:.1f} s; {os.cpu_count()} cores"
    )


def _passing(look: Look, arguments: argparse.Namespace, weights: SizedDetector) -> list[Sample]:
    kinds = {name: kind for kind in KINDS for name in models(kind)}
    worlds = passing_worlds(look, arguments.fps, arguments.colours, arguments.seed)
    found: list[Sample] = []
    for world in worlds[: arguments.cameras]:
        began = time.time()
        found += samples(world, weights, kinds)
        count = len(world.timing.t_s)
        print(f"{world.name}: {count} pictures, {time.time() - began:.0f} s", flush=True)
    print()
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rendering", description=__doc__)
    parser.add_argument("--light", default="day")
    parser.add_argument("--weather", default="clear")
    parser.add_argument("--fps", type=float, default=6.25, help="pictures a second of the passages")
    parser.add_argument("--colours", type=int, default=2, help="passages of every model and view")
    parser.add_argument("--cameras", type=int, default=3, help="how many of the three cameras")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--empty", type=int, default=40, help="empty scenes")
    parser.add_argument("--frames", type=int, default=60, help="pictures drawn for the speed")
    parser.add_argument("--only", default="", choices=("", "speed", "false", "recall"))
    parser.add_argument("--samples", type=Path, help="where to save every box and its error (npz)")
    return parser.parse_args()
