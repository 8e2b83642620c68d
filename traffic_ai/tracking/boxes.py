"""Boxes against boxes: overlap, and whether a box's bottom edge can be trusted."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array

BORDER_PX = 2.0
COVERED_SHARE = 0.25


def anchors_px(boxes: Array) -> Array:
    """Middles (..., 2) of the bottom edges of boxes (..., 4)."""
    anchors = np.empty((*boxes.shape[:-1], 2))
    anchors[..., 0] = (boxes[..., 0] + boxes[..., 2]) / 2.0
    anchors[..., 1] = boxes[..., 3]
    return anchors


def iou(a: Array, b: Array) -> Array:
    """Intersection over union (...) of boxes (..., 4), broadcast against each other."""
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., 2:], b[..., 2:])
    inner = np.clip(high - low, 0.0, None).prod(axis=-1)
    area_a = (a[..., 2:] - a[..., :2]).prod(axis=-1)
    area_b = (b[..., 2:] - b[..., :2]).prod(axis=-1)
    union = area_a + area_b - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def grounded(boxes: Array, width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Which boxes (N, 4) show where their vehicle meets the road, (N,).

    Not those cut off at the left, right or bottom border of the picture, nor those whose bottom
    edge a nearer box covers: such an edge is off by 5-12 px.
    """
    n = len(boxes)
    if n == 0:
        return np.zeros(0, bool)
    free = (
        (boxes[:, 0] > BORDER_PX)
        & (boxes[:, 2] < width_px - BORDER_PX)
        & (boxes[:, 3] < height_px - BORDER_PX)
    )
    bottom = boxes[:, 3]
    nearer = bottom[None, :] > bottom[:, None] + BORDER_PX
    contains = nearer & (boxes[None, :, 1] < bottom[:, None])
    overlap = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(
        boxes[:, None, 0], boxes[None, :, 0]
    )
    width = np.maximum(boxes[:, 2] - boxes[:, 0], 1.0)
    share = np.where(contains, np.clip(overlap, 0.0, None), 0.0).max(axis=1) / width
    return np.asarray(free & (share < COVERED_SHARE))
