"""Looks a second of a detector that cameras share, by how many pictures it takes at once.

    python -m benchmarks.detector.batches [--weights yolov8n] [--engine ort] [--threads N]
                                          [--rounds 10] [--region]

As many threads as a watch has look at 1280x720 pictures, each with its letterbox, network, decoding
and suppression; the numbers of pictures take turns. --region: each is looked at in a region of
640x360 too.
"""

import argparse
import os
from functools import partial

from benchmarks.detector.run import made_up_picture
from traffic_ai.core.kinds import Engine
from traffic_ai.detectors.batch_rates import batch_rates, best_batch_size
from traffic_ai.detectors.engines import BATCH_SIZES, EngineChoice, callers_at_once
from traffic_ai.detectors.models import weights
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.regions import RegionDetector

REGION = (320, 180, 960, 540)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="yolov8n")
    engines = [engine.value for engine in Engine if not engine.is_int8]
    parser.add_argument("--engine", choices=engines, default=Engine.ORT.value)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--region", action="store_true")
    arguments = parser.parse_args()
    path, picture = weights(arguments.weights), made_up_picture(1280, 720)
    regions = (REGION,) if arguments.region else ()
    looks = {}
    for batch_size in BATCH_SIZES:
        choice = EngineChoice(Engine(arguments.engine), arguments.threads, batch_size)
        detector = RegionDetector(OnnxDetector(path, choice=choice), regions)
        looks[batch_size] = [partial(detector.detect, picture)]
    rates = batch_rates(looks, arguments.rounds)
    print(
        f"{arguments.engine}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'at once':>8}{'threads':>9}{'looks/s':>9}{'ratio':>7}")
    for rate in rates:
        threads = callers_at_once(rate.batch_size)
        print(f"{rate.batch_size:>8}{threads:>9}{rate.looks_per_s:>9.1f}{rate.ratio:>7.2f}")
    print(f"best: {best_batch_size(rates)}")


if __name__ == "__main__":
    main()
