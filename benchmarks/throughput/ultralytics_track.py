"""Ultralytics' `track` over a video, run in its own environment; prints frame times as JSON.

    python ultralytics_track.py WEIGHTS.pt VIDEO

The same as `yolo track model=WEIGHTS source=VIDEO imgsz=640 save=False`: default tracker, default
thresholds, the picture brought to 640 on its longer side.
"""

import json
import sys
import time

from ultralytics import YOLO


def main(weights: str, video: str) -> None:
    times_s = []
    for _ in YOLO(weights).track(video, stream=True, imgsz=640, device="cpu", verbose=False):
        times_s.append(time.monotonic())
    print(json.dumps(times_s))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
