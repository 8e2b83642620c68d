"""Boxes against boxes: overlap, and whether a box's bottom edge can be trusted."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array

BORDER_PX = 2.0
# The detector ends boxes of vehicles that the lower border cuts off so much of their height before
# it (drawn: up to 2.5 %, 8 px of a box of 400).
BORDER_SHARE_OF_BOX = 0.025
COVERED_SHARE = 0.25
# A part of a vehicle: this much of its box in the whole one's, this wide, their upper or lower
# edges this near to each other (shares of the inner area, of the outer width and height).
INSIDE_SHARE = 0.85
AS_WIDE_SHARE = 0.6
END_SHARE = 0.15
# A box that shows no more than a part of its vehicle's height: this much of it, and as wide.
CUT_SHARE = 0.72
AS_WIDE = (0.8, 1.15)


def anchors_px(boxes: Array) -> Array:
    """Middles (..., 2) of the bottom edges of boxes (..., 4)."""
    anchors = np.empty((*boxes.shape[:-1], 2))
    anchors[..., 0] = (boxes[..., 0] + boxes[..., 2]) / 2.0
    anchors[..., 1] = boxes[..., 3]
    return anchors


def areas(boxes: Array) -> Array:
    """Areas (...) of boxes (..., 4)."""
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def shared_area(a: Array, b: Array) -> Array:
    """Areas (...) of what boxes (..., 4) have in common, broadcast against each other."""
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    return np.asarray(np.maximum(width, 0.0) * np.maximum(height, 0.0))


def iou(a: Array, b: Array) -> Array:
    """Intersection over union (...) of boxes (..., 4), broadcast against each other."""
    inner = shared_area(a, b)
    union = areas(a) + areas(b) - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def parts(boxes: Array, credence: Array) -> NDArray[np.bool_]:
    """Which boxes (N, 4) show a part of a vehicle that another box shows too, (N,).

    Of two that stand on the road alike the one of more credence (N,) counts.
    """
    if len(boxes) < 2:
        return np.zeros(len(boxes), bool)
    above, below = part_of(boxes, boxes)
    if not above.any() and not below.any():
        return np.zeros(len(boxes), bool)
    weaker = credence[:, None] <= credence[None]
    return np.asarray((above | (below & weaker)).any(axis=1) | (below & ~weaker).any(axis=0))


def part_of(boxes: Array, whole: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of boxes (N, 4) is the upper part of each of others (M, 4), or a lower one.

    It lies in the other, is about as wide, and ends with it above or below: nothing behind a
    vehicle can be seen through it.
    """
    size, size_of_whole = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    inner = shared_area(boxes[:, None], whole[None])
    area = areas(boxes)
    inside = (inner >= INSIDE_SHARE * area[:, None]) & (area[:, None] < areas(whole)[None])
    inside &= size[:, None, 0] >= AS_WIDE_SHARE * size_of_whole[None, :, 0]
    if not inside.any():
        return inside, inside
    reach = END_SHARE * size_of_whole[None, :, 1]
    below = inside & (np.abs(boxes[:, None, 3] - whole[None, :, 3]) <= reach)
    above = inside & ~below & (np.abs(boxes[:, None, 1] - whole[None, :, 1]) <= reach)
    return above, below


def cut_short(boxes: Array, whole: Array) -> NDArray[np.bool_]:
    """Which of boxes (N, 4) are as wide as the whole ones (N, 4) of their vehicles, but much lower
    than what of those is in the picture, (N,).
    """
    size, own = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    height = whole[:, 3] - np.maximum(whole[:, 1], 0.0)
    as_wide = (size[:, 0] >= AS_WIDE[0] * own[:, 0]) & (size[:, 0] <= AS_WIDE[1] * own[:, 0])
    return np.asarray(as_wide & (size[:, 1] < CUT_SHARE * height))


def within(boxes: Array, whole: Array) -> Array:
    """Where boxes (..., 4) lie in others (..., 4): from their corner, in their sizes."""
    size = np.maximum(whole[..., 2:] - whole[..., :2], 1e-6)
    corner, scale = whole[..., [0, 1, 0, 1]], size[..., [0, 1, 0, 1]]
    return np.asarray((boxes - corner) / scale)


def grounded(boxes: Array, width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Which boxes (N, 4) show where their vehicle meets the road, (N,).

    Not those cut off at the left, right or bottom border of the picture, nor those whose bottom
    edge a nearer box covers: such an edge is off by 5-12 px.
    """
    return in_picture(boxes, width_px, height_px) & (covered_share(boxes) < COVERED_SHARE)


def in_picture(boxes: Array, width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Which boxes (N, 4) the left, right or bottom border does not cut off, (N,)."""
    bottom = boxes[:, 3]
    border = BORDER_PX + BORDER_SHARE_OF_BOX * (bottom - boxes[:, 1])
    return np.asarray(
        (boxes[:, 0] > BORDER_PX)
        & (boxes[:, 2] < width_px - BORDER_PX)
        & (bottom < height_px - border)
    )


def covered_share(
    boxes: Array,
    those: NDArray[np.int64] | slice = slice(None),
    left_px: Array | None = None,
    right_px: Array | None = None,
    reach: float = 0.0,
) -> Array:
    """How much of the bottom edges of those (K,) of boxes (N, 4) a nearer one covers at most, (K,).

    left_px, right_px (K,): of the edge no more than from here to there. reach: one counts too that
    begins below the edge, by up to this share of the box's height.
    """
    if not len(boxes):
        return np.zeros(0)
    edge = boxes[those]
    left = edge[:, 0] if left_px is None else left_px
    right = edge[:, 2] if right_px is None else right_px
    bottom = edge[:, 3, None]
    below = bottom + reach * (bottom - edge[:, 1, None])
    covers = (boxes[:, 3] > bottom + BORDER_PX) & (boxes[:, 1] < below)
    overlap = np.minimum(right[:, None], boxes[:, 2]) - np.maximum(left[:, None], boxes[:, 0])
    share = np.where(covers, np.clip(overlap, 0.0, None), 0.0).max(axis=1)
    return np.asarray(share / np.maximum(right - left, 1.0))
