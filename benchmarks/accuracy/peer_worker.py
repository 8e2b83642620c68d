"""Runs another project's speed or line formula over tracks; started in that project's environment.

    PYTHON peer_worker.py METHOD TRACKS.npz ANSWER.json

Imports nothing of traffic-ai. Every method is given the same tracks: boxes with ids, frame by
frame, and what its users are asked to set. A speed comes with the moments of the first and the
last frame it was made of, so that it can be held against the true mean in that time.
"""

import json
import sys
from collections import defaultdict, deque
from itertools import pairwise
from pathlib import Path

import numpy as np


def frames(data):
    """Each frame's rows."""
    starts = np.searchsorted(data["frame"], np.arange(int(data["frame_count"]) + 1))
    for number, (a, b) in enumerate(pairwise(starts)):
        yield number, slice(a, b)


def measured(data, speed_kmh, first, last):
    """A speed, and the moments of the first and the last frame it was made of."""
    return [speed_kmh, float(data["t_s"][first]), float(data["t_s"][last])]


def supervision_line(data, threshold):
    """`supervision.LineZone` on the middle of the lower edge."""
    import supervision as sv

    def zone(least):
        a, b = (sv.Point(*map(float, point)) for point in data["line_px"])
        anchors = [sv.Position.BOTTOM_CENTER]
        return sv.LineZone(a, b, triggering_anchors=anchors, minimum_crossing_threshold=least)

    def boxes(xyxy, ids):
        return sv.Detections(xyxy=xyxy.astype(float), tracker_id=ids)

    # Which of its two directions leads over the line is seen from one box driven over it.
    middle = data["line_px"].mean(axis=0)
    probe, forward = zone(1), data["forward_px"]
    leads = [False, False]
    for way in (-40, -20, 20, 40):
        x, y = middle + way * forward
        crossed = probe.trigger(boxes(np.array([[x - 1, y - 5, x + 1, y]]), np.array([1])))
        leads = [bool(one[0]) or before for one, before in zip(crossed, leads, strict=True)]
    direction = 0 if leads[0] else 1
    line, crossings = zone(threshold), []
    for number, rows in frames(data):
        crossed = line.trigger(boxes(data["xyxy_px"][rows], data["track"][rows]))[direction]
        time_s = float(data["t_s"][number])
        crossings += [[int(i), time_s] for i in data["track"][rows][crossed]]
    return {"crossings": crossings}


def supervision_speed(data):
    """The speed of supervision's example `speed_estimation`: a perspective transform, the way
    along the road over the last second of frames, int(fps).
    """
    import cv2
    import supervision as sv

    target = data["target_m"].astype(np.float32)
    matrix = cv2.getPerspectiveTransform(data["source_px"].astype(np.float32), target)
    fps = int(data["fps"])
    ways = defaultdict(lambda: deque(maxlen=fps))
    read, used = defaultdict(list), {}
    zone = sv.PolygonZone(polygon=data["source_px"].astype(int))
    for number, rows in frames(data):
        found = sv.Detections(
            xyxy=data["xyxy_px"][rows].astype(float), tracker_id=data["track"][rows]
        )
        if not len(found):
            continue
        found = found[zone.trigger(found)]
        if not len(found):
            continue
        points = found.get_anchors_coordinates(anchor=sv.Position.BOTTOM_CENTER)
        moved = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float32), matrix)
        for track, (_, y) in zip(found.tracker_id, moved.reshape(-1, 2).astype(int), strict=True):
            way = ways[int(track)]
            way.append(y)
            used.setdefault(int(track), [number, number])[1] = number
            if len(way) >= fps / 2:
                read[int(track)].append(abs(int(way[-1]) - int(way[0])) / (len(way) / fps) * 3.6)
    speeds = {track: float(np.median(values)) for track, values in read.items()}
    return {"speeds": {track: measured(data, kmh, *used[track]) for track, kmh in speeds.items()}}


def frigate_speed(data):
    """The speed of a Frigate zone with distances (frigate/util/velocity.py), written anew from what
    it computes, as Frigate's recorder is not packaged: pixels since the frame before, times metres
    a pixel, times the frame rate; the mean of the last ten in the zone is what stays with the
    vehicle. Its scale goes evenly from edge to edge of the zone, once down and once across, and
    takes the mean of the two. Frigate has the movement from its tracker's filter.
    """
    import cv2

    zone_px = data["source_px"]
    far_left, far_right, near_right, near_left = zone_px
    width_m, length_m = data["target_m"].max(axis=0)
    far, near = (width_m / np.hypot(*e) for e in (far_right - far_left, near_right - near_left))
    left, right = (length_m / np.hypot(*e) for e in (near_left - far_left, near_right - far_right))
    outline, fps = zone_px.astype(np.float32), float(data["fps"])
    before, last = {}, defaultdict(lambda: deque(maxlen=10))
    for number, rows in frames(data):
        for track, box in zip(data["track"][rows].tolist(), data["xyxy_px"][rows], strict=True):
            x, y = (box[0] + box[2]) / 2, box[3]
            came = before.get(track)
            before[track] = (number, x, y)
            if came is None or cv2.pointPolygonTest(outline, (float(x), float(y)), False) < 0:
                continue
            across = (x - far_left[0]) / (far_right[0] - far_left[0])
            down = (y - far_left[1]) / (near_left[1] - far_left[1])
            scale = (far + (near - far) * down + left + (right - left) * across) / 2
            moved_px = np.hypot(x - came[1], y - came[2]) / (number - came[0])
            last[track].append((float(abs(moved_px * scale * fps * 3.6)), came[0], number))
    found = {}
    for track, held in last.items():
        speed_kmh = sum(one for one, _, _ in held) / len(held)
        found[track] = measured(data, speed_kmh, held[0][1], held[-1][2])
    return {"speeds": found}


def _tracked(base, data):
    """An Ultralytics solution that is given tracks in place of looking for them."""
    import torch

    class Given(base):
        def give(self, rows):
            self.boxes = torch.as_tensor(data["xyxy_px"][rows])
            self.track_ids = [int(i) for i in data["track"][rows]]
            self.clss = [2] * len(self.track_ids)
            self.confs = [0.9] * len(self.track_ids)

        def extract_tracks(self, im0):
            """Nothing: `give` has set them."""

    return Given


def ultralytics_speed(data):
    """`ultralytics.solutions.SpeedEstimator`, its scale that of the middle of the road watched."""
    from ultralytics.solutions import SpeedEstimator

    estimator = _tracked(SpeedEstimator, data)(
        model="yolov8n.yaml",
        fps=float(data["fps"]),
        meter_per_pixel=float(data["metres_per_px"]),
        max_speed=300,
        show=False,
        verbose=False,
    )
    picture, first, speeds = np.zeros((8, 8, 3), np.uint8), {}, {}
    for number, rows in frames(data):
        for track in data["track"][rows].tolist():
            first.setdefault(track, number)
        estimator.give(rows)
        # A speed that is told once stays; the frame in which it changed is the last that went in.
        for track, speed_kmh in estimator.process(picture.copy()).speed_dict.items():
            if track not in speeds or speeds[track][0] != speed_kmh:
                speeds[track] = float(speed_kmh), first[track], number
    return {"speeds": {int(track): measured(data, *held) for track, held in speeds.items()}}


def ultralytics_line(data):
    """`ultralytics.solutions.ObjectCounter` with the stop line as its region."""
    from ultralytics.solutions import ObjectCounter

    counter = _tracked(ObjectCounter, data)(
        model="yolov8n.yaml",
        region=[tuple(map(int, point)) for point in data["line_px"]],
        show=False,
        verbose=False,
    )
    down = float(data["forward_px"][1]) > 0
    picture, crossings = np.zeros((8, 8, 3), np.uint8), []
    for number, rows in frames(data):
        before = set(counter.counted_ids)
        ins = counter.in_count
        counter.give(rows)
        counter.process(picture.copy())
        new = set(counter.counted_ids) - before
        leads = counter.in_count > ins if down else counter.in_count == ins
        if leads:
            crossings += [[int(i), float(data["t_s"][number])] for i in new]
    return {"crossings": crossings}


METHODS = {
    "supervision line, threshold 1": lambda data: supervision_line(data, 1),
    "supervision line, threshold 3": lambda data: supervision_line(data, 3),
    "supervision speed example": supervision_speed,
    "frigate formula": frigate_speed,
    "ultralytics speed": ultralytics_speed,
    "ultralytics line": ultralytics_line,
}


if __name__ == "__main__":
    method, tracks, answer = sys.argv[1:]
    with np.load(tracks) as given:
        found = METHODS[method]({name: given[name] for name in given.files})
    Path(answer).write_text(json.dumps(found))
