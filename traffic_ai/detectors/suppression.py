"""Suppression: one box a road user. The last step inside a detector."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser

IOU_LIMIT = 0.6  # a car taken for car and truck overlaps by 0.8 and more; cars in a queue by less
_MOST = 1000  # more boxes than a picture has road users; bounds the pairwise matrix

Boxes = NDArray[np.float32]


def areas(xyxy_px: Boxes) -> NDArray[np.float32]:
    """Areas (N,) of boxes (N, 4), in square pixels."""
    sides = np.clip(xyxy_px[:, 2:] - xyxy_px[:, :2], 0.0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def intersections(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Areas (N, M) that boxes a (N, 4) and b (M, 4) share, in square pixels."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low, 0.0, None)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def suppress(candidates: Detections, iou_limit: float = IOU_LIMIT) -> Detections:
    """The candidates that stay, the most confident first."""
    return candidates.select(survivors(candidates, iou_limit))


def survivors(candidates: Detections, iou_limit: float = IOU_LIMIT) -> NDArray[np.int64]:
    """Positions of the candidates that stay, the most confident first: greedy suppression.

    One vehicle gets one box whatever classes it is taken for (car and truck, bicycle and
    motorcycle). Only persons are kept apart from vehicles: a rider's box covers most of his
    motorcycle's and must not wipe it out.
    """
    order = np.argsort(-candidates.confidence, kind="stable")[:_MOST]
    boxes = candidates.xyxy_px[order]
    size = areas(boxes)
    shared = intersections(boxes, boxes)
    union = size[:, None] + size[None, :] - shared
    person = candidates.class_id[order] == RoadUser.PERSON
    rivals = (shared > iou_limit * union) & (person[:, None] == person[None, :])
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~rivals[i, i + 1 :]
    return np.asarray(order[alive], np.int64)
