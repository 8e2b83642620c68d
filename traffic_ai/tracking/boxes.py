"""Boxes against boxes: overlap, and whether a box's bottom edge can be trusted."""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.columns import rows

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
BORDER_PX = 2.0
# The detector ends boxes of vehicles that the lower border cuts off so much of their height before
# it (drawn: up to 2.5 %, 8 px of a box of 400).
BORDER_SHARE_OF_BOX = 0.025
COVERED_SHARE = 0.25
# What covers a vehicle holds little of what is left to be seen of it; a box that lies in its box by
# this share of its own, and ends hardly lower (in heights), is a second one of the same vehicle.
DOUBLE_SHARE = 0.5
DOUBLE_LOWER = 0.25
# A part of a vehicle: this much of its box in the whole one's, this wide, their upper or lower
# edges this near to each other (shares of the inner area, of the outer width and height).
INSIDE_SHARE = 0.85
AS_WIDE_SHARE = 0.6
END_SHARE = 0.15
# A box that shows no more than a part of its vehicle's height: this much of it, and as wide.
CUT_SHARE = 0.72
AS_WIDE = (0.8, 1.15)


def anchors_px(boxes: Array) -> Array:
    """Middles (N, 2) of the bottom edges of boxes (N, 4)."""
    return np.array([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]]).T


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


def touching(boxes: Array) -> Pairs:
    """Every box (N, 4) with every other one that it overlaps: positions i and j (P,), both ways."""
    x0, y0, x1, y1 = boxes.T
    beside, over = x0[:, None] < x1, y0[:, None] < y1
    touch = beside & beside.T & over & over.T
    n = len(boxes)
    touch.flat[:: n + 1] = False
    first, second = np.divmod(touch.ravel().nonzero()[0], max(n, 1))
    return first, second


def part_of(boxes: Array, whole: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether boxes (..., 4) are the upper parts of others (..., 4), or lower ones, (...).

    Such a box lies in the other, is about as wide, and ends with it above or below: nothing behind
    a vehicle can be seen through it.
    """
    width, width_of_whole = boxes[..., 2] - boxes[..., 0], whole[..., 2] - whole[..., 0]
    area = areas(boxes)
    inside = (shared_area(boxes, whole) >= INSIDE_SHARE * area) & (area < areas(whole))
    inside &= width >= AS_WIDE_SHARE * width_of_whole
    if not inside.any():
        return inside, inside
    reach = END_SHARE * (whole[..., 3] - whole[..., 1])
    below = inside & (np.abs(boxes[..., 3] - whole[..., 3]) <= reach)
    above = inside & ~below & (np.abs(boxes[..., 1] - whole[..., 1]) <= reach)
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


def grounded(boxes: Array, seen_px: Array, pairs: Pairs | None = None) -> NDArray[np.bool_]:
    """Which boxes (N, 4) show where their vehicle meets the road, (N,).

    Not those cut off at the left, right or bottom border of what is seen (seen_px: x0, y0, x1, y1),
    nor those whose bottom edge a nearer box covers: such an edge is off by 5-12 px. pairs: those
    `touching`, if known.
    """
    touching_pairs = touching(boxes) if pairs is None else pairs
    return in_view(boxes, seen_px) & ~is_covered(boxes, touching_pairs)


def in_view(boxes: Array, seen_px: Array) -> NDArray[np.bool_]:
    """Which boxes (N, 4) no left, right or bottom border of what is seen cuts off, (N,)."""
    return ends_above(boxes, seen_px) & whole_across(boxes, seen_px)


def ends_above(boxes: Array, seen_px: Array) -> NDArray[np.bool_]:
    """Which boxes (N, 4) end above the bottom border of what is seen, (N,)."""
    bottom = boxes[:, 3]
    border = BORDER_PX + BORDER_SHARE_OF_BOX * (bottom - boxes[:, 1])
    return np.asarray(bottom < seen_px[3] - border)


def whole_across(boxes: Array, seen_px: Array) -> NDArray[np.bool_]:
    """Which boxes (N, 4) the left and right borders of what is seen do not cut off, (N,)."""
    left, right = seen_px[0] + BORDER_PX, seen_px[2] - BORDER_PX
    return np.asarray((boxes[:, 0] > left) & (boxes[:, 2] < right))


def is_covered(boxes: Array, pairs: Pairs) -> NDArray[np.bool_]:
    """Which boxes (N, 4) have a bottom edge of which a nearer one covers COVERED_SHARE, (N,).

    pairs: those `touching`.
    """
    return is_edge_covered(boxes, covering(boxes, pairs), boxes[:, 0], boxes[:, 2])


def covering(boxes: Array, pairs: Pairs) -> Pairs:
    """Of pairs of boxes (N, 4) that are `touching` those whose second one is before the bottom edge
    of the first, or would be if it were as wide: positions i and j (K,).
    """
    one, other = pairs
    top, bottom = boxes[:, 1], boxes[:, 3]
    edge = bottom[one]
    nearer = ((bottom[other] > edge + BORDER_PX) & (top[other] < edge)).nonzero()[0]
    one, other = one[nearer], other[nearer]
    another = ~_is_double(rows(boxes, one), rows(boxes, other))
    return one[another], other[another]


def is_edge_covered(
    boxes: Array, covers: Pairs, left_px: Array, right_px: Array
) -> NDArray[np.bool_]:
    """Of which boxes (N, 4) a nearer one covers COVERED_SHARE of the bottom edge from left_px to
    right_px (N,), (N,). covers: pairs that are `covering`.
    """
    one, other = covers
    x0, _, x1, _ = boxes.T
    shared = np.minimum(right_px[one], x1[other]) - np.maximum(left_px[one], x0[other])
    enough = shared / np.maximum(right_px - left_px, 1.0)[one] >= COVERED_SHARE
    found = np.zeros(len(boxes), bool)
    found[one[enough]] = True
    return found


def _is_double(boxes: Array, lower: Array) -> NDArray[np.bool_]:
    """Which of lower boxes (P, 4) are second ones of what boxes (P, 4) show, (P,)."""
    within = shared_area(boxes, lower) >= DOUBLE_SHARE * areas(lower)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    return np.asarray(within & (lower[:, 3] - boxes[:, 3] <= DOUBLE_LOWER * height))


def is_before(boxes: Array, those: NDArray[np.int64], reach: float) -> NDArray[np.bool_]:
    """Whether another of boxes (N, 4) is before the bottom edge of those (K,), or begins below it
    by no more than `reach` of the box's height, (K,).
    """
    edge = boxes[those]
    bottom = edge[:, 3, None]
    below = bottom + reach * (bottom - edge[:, 1, None])
    nearer = (boxes[:, 3] > bottom + BORDER_PX) & (boxes[:, 1] < below)
    beside = (boxes[:, 0] < edge[:, 2, None]) & (boxes[:, 2] > edge[:, 0, None])
    return np.asarray((nearer & beside).any(axis=1))
