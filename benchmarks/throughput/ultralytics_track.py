"""Ultralytics' `track` over a video, run in its own environment; prints frame times as JSON.

    python ultralytics_track.py WEIGHTS.pt VIDEO [THREADS]

The same as `yolo track model=WEIGHTS source=VIDEO imgsz=640 save=False`: default tracker, default
thresholds, the picture brought to 640 on its longer side. THREADS: of the network; without it
Ultralytics decides (one less than there are cores).
"""

import json
import sys
import time

import torch
from ultralytics import YOLO


def main(weights: str, video: str, threads: int | None) -> None:
    times_s = []
    for _ in YOLO(weights).track(video, stream=True, imgsz=640, device="cpu", verbose=False):
        if threads and not times_s:
            torch.set_num_threads(threads)  # it sets its own choice before the first picture
        times_s.append(time.monotonic())
    print(json.dumps(times_s))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
