"""Ultralytics' `track` over a video, run in its own environment; prints frame times as JSON.

    python peer_ultralytics.py WEIGHTS VIDEO

The same as `yolo track model=WEIGHTS source=VIDEO imgsz=640 save=False`: default tracker, default
thresholds, the picture brought to 640 on its longer side. WEIGHTS: a .pt file, run by torch, or an
.onnx file, which Ultralytics runs in ONNX Runtime.
"""

import json
import sys
import time

from ultralytics import YOLO


def main(weights: str, video: str) -> None:
    times_s = []
    model = YOLO(weights, task="detect")
    for _ in model.track(video, stream=True, imgsz=640, device="cpu", verbose=False):
        times_s.append(time.monotonic())
    print(json.dumps({"times_s": times_s}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
