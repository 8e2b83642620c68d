"""Recall of the detector on the sample junction, by class, distance and network size.

    python benchmarks/detector/recall.py [--every 10] [--sizes 640 1280] [--regions x0,y0,x1,y1 ...]

Only vehicles that lie whole in every region named are counted, so that the ways compare.
Truth is the drawn scene's (sample_videos/junction.truth.json). A vehicle counts where at least
70 % of it is visible; it is found by a box of any vehicle class (riders merged) with an IoU of 0.5.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import av
import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.detectors.models import weights
from traffic_ai.detectors.onnx import OnnxDetector
from traffic_ai.detectors.regions import RegionDetector
from traffic_ai.detectors.riders import RiderDetector
from traffic_ai.detectors.suppression import areas, intersections

SAMPLE = Path(__file__).parents[2] / "sample_videos"
DISTANCES_M = ((10, 20), (20, 30), (30, 45), (45, 60))
CONFIDENCE = 0.25


def truth_by_frame() -> dict[int, list[tuple[str, float, list[float]]]]:
    """Frame -> (class, distance along the road, box) of each vehicle that is in view."""
    document = json.loads((SAMPLE / "junction.truth.json").read_text())
    frames = defaultdict(list)
    for vehicle in document["vehicles"]:
        rows = zip(vehicle["ground_m"], vehicle["box_px"], vehicle["visible"], strict=True)
        for i, (ground_m, box_px, visible) in enumerate(rows):
            if box_px is not None and visible is not None and visible >= 0.7:
                frame = vehicle["first_frame"] + i
                frames[frame].append((vehicle["class"], ground_m[1], box_px))
    return frames


def found_share(boxes: np.ndarray, found: Detections) -> np.ndarray:
    """Which boxes (N, 4) are found."""
    strong = found.select((found.confidence >= CONFIDENCE) & (found.class_id > 0))
    if not len(strong):
        return np.zeros(len(boxes), bool)
    shared = intersections(boxes, strong.xyxy_px)
    union = areas(boxes)[:, None] + areas(strong.xyxy_px)[None, :] - shared
    return (shared / union).max(axis=1) >= 0.5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="*", default=[640, 1280])
    parser.add_argument("--regions", nargs="*", default=["300,150,1100,600"])
    arguments = parser.parse_args()
    regions = [tuple(int(v) for v in text.split(",")) for text in arguments.regions]
    path = weights("yolov8n")
    ways: dict[str, RiderDetector] = {}
    for size_px in arguments.sizes:
        ways[f"whole at {size_px}"] = RiderDetector(OnnxDetector(path, size_px=size_px))
    for x0, y0, x1, y1 in regions:
        looked = RegionDetector(OnnxDetector(path), [(x0, y0, x1, y1)])
        ways[f"region {x1 - x0}x{y1 - y0}"] = RiderDetector(looked)
    truth = truth_by_frame()
    hits: dict[tuple[str, str, tuple[int, int]], list[bool]] = defaultdict(list)
    spent_s: dict[str, float] = defaultdict(float)
    frames = 0
    with av.open(str(SAMPLE / "junction.mp4")) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i % arguments.every or not truth[i]:
                continue
            frames += 1
            image = frame.to_ndarray(format="bgr24")
            boxes = np.array([box for _, _, box in truth[i]], np.float32)
            inside = np.ones(len(boxes), bool)
            for x0, y0, x1, y1 in regions:
                inside &= (boxes[:, :2] >= (x0, y0)).all(axis=1)
                inside &= (boxes[:, 2:] <= (x1, y1)).all(axis=1)
            for way, detector in ways.items():
                start = time.perf_counter()
                found = detector.detect(image)
                spent_s[way] += time.perf_counter() - start
                for (kind, y_m, _), hit, seen in zip(
                    truth[i], found_share(boxes, found), inside, strict=True
                ):
                    band = next((d for d in DISTANCES_M if d[0] <= y_m < d[1]), None)
                    if band and seen:
                        hits[way, kind, band].append(bool(hit))
    kinds = sorted({kind for _, kind, _ in hits})
    print("class", *[f"{a}-{b} m" for a, b in DISTANCES_M], sep="\t")
    for way in ways:
        print(f"{way}: {1000 * spent_s[way] / frames:.0f} ms a picture")
        for kind in kinds:
            cells = [hits.get((way, kind, d), []) for d in DISTANCES_M]
            print(kind, *[f"{np.mean(c):.2f} ({len(c)})" if c else "-" for c in cells], sep="\t")


if __name__ == "__main__":
    main()
