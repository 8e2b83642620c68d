"""supervision and trackers on ONNX Runtime; run in the peers' environment, prints times as JSON.

    python peer_supervision.py WEIGHTS.onnx VIDEO

As the guides of the two put it together: frames from `sv.get_video_frames_generator`, the graph
whole at its exported 640x640 with ONNX Runtime's own defaults, `sv.Detections` with its non-maximum
suppression, then `ByteTrackTracker.update`.
"""

import json
import sys
import time
from typing import Any

import cv2
import numpy as np
import onnxruntime
import supervision as sv
from trackers import ByteTrackTracker

SIZE_PX, GREY = 640, 114
CONFIDENCE, IOU = 0.25, 0.7  # Ultralytics' defaults for the same weights


def letterboxed(image: Any) -> tuple[Any, float, tuple[int, int]]:
    height, width = image.shape[:2]
    ratio = min(SIZE_PX / height, SIZE_PX / width)
    w, h = round(width * ratio), round(height * ratio)
    left, top = (SIZE_PX - w) // 2, (SIZE_PX - h) // 2
    padded = np.full((SIZE_PX, SIZE_PX, 3), GREY, np.uint8)
    padded[top : top + h, left : left + w] = cv2.resize(image, (w, h))
    return cv2.dnn.blobFromImage(padded, 1 / 255.0, swapRB=True), ratio, (left, top)


def detected(table: Any, ratio: float, offset: tuple[int, int]) -> sv.Detections:
    scores = table[4:].T
    class_id = scores.argmax(axis=1)
    confidence = scores[np.arange(len(scores)), class_id]
    kept = confidence >= CONFIDENCE
    x, y, w, h = table[:4].T[kept].T
    xyxy = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    xyxy = (xyxy - np.array([*offset, *offset])) / ratio
    found = sv.Detections(xyxy=xyxy, confidence=confidence[kept], class_id=class_id[kept])
    return found.with_nms(threshold=IOU)


def main(weights: str, video: str) -> None:
    times_s = []
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    tracker = ByteTrackTracker(frame_rate=sv.VideoInfo.from_video_path(video).fps)
    for frame in sv.get_video_frames_generator(video):
        blob, ratio, offset = letterboxed(frame)
        tracker.update(detected(session.run(None, {name: blob})[0][0], ratio, offset))
        times_s.append(time.monotonic())
    print(json.dumps({"times_s": times_s}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
