"""Vehicles on a made road before a camera, followed."""

import numpy as np

from tests.road import HEIGHT_PX, WIDTH_PX, box_of
from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import FrameInfo
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.track import Track
from traffic_ai.tracking import RoadPlaneTracker


def follow(
    road,
    vehicles,
    times_s,
    *,
    noise_px=0.0,
    drop=None,
    seed=0,
    confidence=0.9,
    lowest_px=HEIGHT_PX,
):
    """All histories by id after the vehicles drove; `drop(i, t)` hides vehicle i at t, boxes end
    at lowest_px.
    """
    scene = road.scene()
    tracker = RoadPlaneTracker(scene)
    random = np.random.default_rng(seed)
    histories: dict[int, Track] = {}
    for index, t_s in enumerate(times_s):
        boxes = []
        for i, vehicle in enumerate(vehicles):
            if drop is not None and drop(i, t_s):
                continue
            box = box_of(road.camera, vehicle, float(t_s))
            if box is not None:
                box[3] = min(box[3], lowest_px)
                boxes.append(box + random.normal(0.0, noise_px, 4) if noise_px else box)
        detections = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), confidence, np.float32),
            np.full(len(boxes), int(RoadUser.CAR), np.int64),
        )
        tracker.update(FrameInfo("cam", index, float(t_s), None, WIDTH_PX, HEIGHT_PX), detections)
        histories.update(tracker.histories)
    tracker.close()
    histories.update(tracker.histories)
    return histories


def moments(seconds, fps):
    return np.arange(0.0, seconds, 1.0 / fps)
