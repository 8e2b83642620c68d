"""Riders: a two-wheeler and who sits on it are one vehicle. Between detection and tracking.

A COCO network gives a motorcycle and its rider as two boxes. Left apart they become two tracks,
one of them a pedestrian doing 40 km/h.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.frame import Image
from traffic_ai.core.ports import Detector
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.suppression import areas, intersections

# A weak two-wheeler box is as often a bag or a shadow; it must not make a vehicle of a pedestrian.
MIN_TWO_WHEELER_CONFIDENCE = 0.2
# A two-wheeler box mostly inside another one with its wheels on the same spot is the same vehicle,
# seen with and without its rider. One behind it stands higher in the picture.
_DOUBLE_INSIDE = 0.8
_DOUBLE_BOTTOM = 0.12
# Lengths below are shares of the boxes' sides. Seen from ahead or behind a two-wheeler is 0.7 m
# wide and a pedestrian beside it at least 0.5 m off its middle; a rider sits within 0.2 m of it.
# Seen from the side it is 2 m long and a pillion sits within 0.6 m of its middle.
_MOST_OFFSET = 0.4
_LEAST_SHARED_WIDTH = 0.6
# A rider's feet are on the pegs: above the wheels' lowest point, below the top of the tank. Where
# the box ends at the saddle it is still below the handlebars.
_FEET_HIGHEST = 0.1
_FEET_LOWEST = 1.08
_HEAD_LOWEST = 0.35  # his head is above the vehicle, or near the top of a box that holds both
_HEIGHT_RATIO = (0.55, 2.2)  # rider to vehicle; other ratios are people nearer or farther off


class RiderDetector:
    """Gives each two-wheeler with its riders as one vehicle; wraps a `core.ports.Detector`."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        return self._detector.model_hash

    def detect(self, image: Image) -> Detections:
        """Road users in a picture, riders merged."""
        return merge_riders(self._detector.detect(image))


def merge_riders(found: Detections) -> Detections:
    """The detections with every rider merged into his two-wheeler.

    The vehicle's box grows to hold its riders but keeps its own bottom edge, where it meets the
    road; its class stays, its confidence becomes the largest of its parts'. A vehicle may have
    several riders, a person rides one vehicle at most. Everybody else stays as he is.
    """
    found = _without_doubles(found)
    two_wheeled = _is_two_wheeled(found)
    vehicles = np.nonzero(two_wheeled & (found.confidence >= MIN_TWO_WHEELER_CONFIDENCE))[0]
    persons = np.nonzero(found.class_id == RoadUser.PERSON)[0]
    if not len(vehicles) or not len(persons):
        return found
    fit = _fit(found.xyxy_px[persons], found.xyxy_px[vehicles])
    best = fit.argmax(axis=1)
    rides = fit[np.arange(len(persons)), best] > 0.0
    riders, ridden = persons[rides], vehicles[best[rides]]
    boxes, confidence = found.xyxy_px.copy(), found.confidence.copy()
    np.minimum.at(boxes[:, 0], ridden, boxes[riders, 0])
    np.minimum.at(boxes[:, 1], ridden, boxes[riders, 1])
    np.maximum.at(boxes[:, 2], ridden, boxes[riders, 2])
    np.maximum.at(confidence, ridden, confidence[riders])
    kept = np.ones(len(found), bool)
    kept[riders] = False
    merged = Detections(boxes[kept], confidence[kept], found.class_id[kept])
    return merged.select(np.argsort(-merged.confidence, kind="stable"))


def _is_two_wheeled(found: Detections) -> NDArray[np.bool_]:
    return np.asarray(
        (found.class_id == RoadUser.MOTORCYCLE) | (found.class_id == RoadUser.BICYCLE)
    )


def _without_doubles(found: Detections) -> Detections:
    """The detections with one box a two-wheeler; the more confident of two stays."""
    wheeled = np.flatnonzero(_is_two_wheeled(found))
    if len(wheeled) < 2:
        return found
    boxes = found.xyxy_px[wheeled]
    confidence = found.confidence[wheeled]
    smaller = np.minimum(areas(boxes)[:, None], areas(boxes)[None, :])
    inside = intersections(boxes, boxes) >= _DOUBLE_INSIDE * smaller
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    apart = np.abs(boxes[:, 3, None] - boxes[None, :, 3])
    same_spot = apart <= _DOUBLE_BOTTOM * np.maximum(height[:, None], height[None, :])
    rank = np.argsort(np.argsort(-confidence, kind="stable"), kind="stable")
    beaten = (inside & same_spot & (rank[:, None] > rank[None, :])).any(axis=1)
    kept = np.ones(len(found), bool)
    kept[wheeled[beaten]] = False
    return found.select(kept)


def _fit(person: NDArray[np.float32], vehicle: NDArray[np.float32]) -> NDArray[np.float64]:
    """How well each person (N, 4) sits on each vehicle (M, 4): (N, M), 0 where he does not."""
    px0, py0, px1, py1 = (person[:, i, None].astype(float) for i in range(4))
    vx0, vy0, vx1, vy1 = (vehicle[None, :, i].astype(float) for i in range(4))
    width, height = np.maximum(vx1 - vx0, 1e-6), np.maximum(vy1 - vy0, 1e-6)
    narrower = np.maximum(np.minimum(px1 - px0, width), 1e-6)
    shared = (np.minimum(px1, vx1) - np.maximum(px0, vx0)) / narrower
    offset = np.abs((px0 + px1) - (vx0 + vx1)) / 2.0 / width
    feet, head = (py1 - vy0) / height, (py0 - vy0) / height
    ratio = (py1 - py0) / height
    sits = (
        (shared >= _LEAST_SHARED_WIDTH)
        & (offset <= _MOST_OFFSET)
        & (feet >= _FEET_HIGHEST)
        & (feet <= _FEET_LOWEST)
        & (head <= _HEAD_LOWEST)
        & (ratio >= _HEIGHT_RATIO[0])
        & (ratio <= _HEIGHT_RATIO[1])
    )
    return np.where(sits, shared / (1.0 + offset), 0.0)
