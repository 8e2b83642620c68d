"""How well each detection fits each track: place, size and overlap, with covered edges allowed for.

Between prediction and assignment. A nearer vehicle hides the bottom edge of a box, which tells
where a vehicle stands, and leaves the top; so a detection can be read in more than one way.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.association import FORBIDDEN, size_mismatch2
from traffic_ai.tracking.boxes import anchors_px, iou
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes, Readings

# A covered box may be narrower too; more than this is not the vehicle coming nearer.
_WIDTH_SCALE = (0.9, 1.1)
# What covers a vehicle leaves its upper edge; a box whose upper edge is off by this share of its
# vehicle's height more than the lower one is of its lower part, such as the cab.
_LOWER_PART = 0.15


@dataclass(frozen=True, slots=True)
class Expected:
    """What N tracks predict for this frame.

    state (N, 4), covariance (N, 4, 4), on_ground (N,): as in `MotionPlanes`. seen_px (N, 4):
    boxes as they should be seen; whole_px (N, 4): as if nothing covered them. once (N,): observed
    only once so far, so of unknown velocity.
    """

    state: Array
    covariance: Array
    on_ground: NDArray[np.bool_]
    seen_px: Array
    whole_px: Array
    once: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fit:
    """Every track against every detection.

    cost (N, M): negative log-likelihood, FORBIDDEN where the detection cannot be the track's.
    overlap (N, M): of the boxes as seen. whole_px (N, M, 4): the vehicle's whole box if the
    detection is the track's; shows_road (N, M): whether its bottom edge is what was detected.
    """

    cost: Array
    overlap: Array
    whole_px: Array
    shows_road: NDArray[np.bool_]


def fit(
    planes: MotionPlanes,
    expected: Expected,
    boxes: Array,
    shows_road: NDArray[np.bool_],
    parameters: TrackerParameters,
) -> Fit:
    """Fit detections (M, 4) to tracks. shows_road (N, M): no known reason to doubt the edge.

    Where the edge is doubted the vehicle is either covered as it last was, or so much that its own
    height is missing below; the likelier counts, and the latter tells the place. A box that still
    overlaps well stays allowed whatever its anchor does.
    """
    rows, columns = _candidates(expected, boxes, shows_road, parameters)
    pairs, hidden = boxes[columns], np.flatnonzero(~shows_road[rows, columns])
    behind, place = rows[hidden], columns
    if len(hidden):
        as_before = pairs[hidden]
        as_before[:, 3] += (expected.whole_px - expected.seen_px)[behind, 3]
        standing = _standing(expected.whole_px[behind], pairs[hidden])
        readings = planes.read(np.concatenate([boxes, as_before, standing]))
        place = columns.copy()
        place[hidden] = len(boxes) + np.arange(len(hidden))
    else:
        readings, standing = planes.read(boxes), boxes[:0]
    distance2, log_det, near = _near(planes, expected, rows, readings.take(place), parameters)
    if len(hidden):
        place = len(boxes) + len(hidden) + np.arange(len(hidden))
        other = _near(planes, expected, behind, readings.take(place), parameters)
        better = other[0] < distance2[hidden]
        for values, others in zip((distance2, log_det, near), other, strict=True):
            values[hidden] = np.where(better, others, values[hidden])
    seen = expected.seen_px[rows]
    size2 = size_mismatch2(seen, pairs, parameters.size_sigma)
    overlap = iou(seen, pairs)
    position = np.where(near, distance2, parameters.gate * (2.0 - overlap))
    pair_cost = position + log_det + np.minimum(size2, 4.0 * parameters.gate)
    allowed = (near & (size2 < 2.0 * parameters.gate)) | (overlap > parameters.min_iou)
    shape = (len(expected.state), len(boxes))
    cost, overlaps = np.full(shape, FORBIDDEN), np.zeros(shape)
    cost[rows[allowed], columns[allowed]] = pair_cost[allowed]
    overlaps[rows, columns] = overlap
    whole = np.broadcast_to(boxes, (*shape, 4))
    if len(hidden):
        whole = whole.copy()
        whole[behind, columns[hidden]] = standing
    return Fit(cost, overlaps, whole, shows_road)


def _candidates(
    expected: Expected,
    boxes: Array,
    shows_road: NDArray[np.bool_],
    parameters: TrackerParameters,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairs that may be near or overlap; no other pair can be allowed."""
    whole, seen = expected.whole_px, expected.seen_px
    reach = _reach(whole, parameters)[:, None]
    tracks, found = anchors_px(whole), anchors_px(boxes)
    low = np.abs(tracks[:, 1:] - found[:, 1]) < reach
    if not shows_road.all():
        low |= ~shows_road
    near = low & (np.abs(tracks[:, :1] - found[:, 0]) < reach)
    touch = (seen[:, :1] < boxes[:, 2]) & (seen[:, 2:3] > boxes[:, 0])
    touch &= (seen[:, 1:2] < boxes[:, 3]) & (seen[:, 3:] > boxes[:, 1])
    rows, columns = np.nonzero(near | touch | expected.once[:, None])
    return rows, columns


def _reach(whole: Array, parameters: TrackerParameters) -> Array:
    """How far from its place a track (N,) is found, however unsure it has become, pixels."""
    return np.asarray(parameters.reach_heights * np.maximum(whole[:, 3] - whole[:, 1], 8.0))


def _standing(whole: Array, boxes: Array) -> Array:
    """Boxes (P, 4) with the height their tracks have, scaled with the width.

    Without this a covered vehicle seems to drive off along the road.
    """
    stood = boxes.copy()
    size, own = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    scale = np.clip(size[:, 0] / np.maximum(own[:, 0], 1.0), *_WIDTH_SCALE)
    height = np.maximum(own[:, 1] * scale, size[:, 1])
    off = np.abs(boxes - whole)
    is_lower = off[:, 1] > off[:, 3] + _LOWER_PART * own[:, 1]
    stood[:, 3] = np.where(is_lower, boxes[:, 3], boxes[:, 1] + height)
    stood[:, 1] = stood[:, 3] - height
    return stood


def _near(
    planes: MotionPlanes,
    expected: Expected,
    rows: NDArray[np.int64],
    found: Readings,
    parameters: TrackerParameters,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Squared distance, log-determinant, and whether within gate and reach, of pairs (P,).

    Reach is in heights of the box; a track seen once may be anywhere its widest velocity guess
    allows. Beyond it the distance is infinite.
    """
    whole = expected.whole_px[rows]
    offset = anchors_px(whole) - found.anchors_px
    away = np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2)
    within = expected.once[rows] | (away < _reach(whole, parameters))
    distance2, log_det = planes.distances(
        expected.state[rows], expected.covariance[rows], expected.on_ground[rows], found
    )
    distance2 = np.where(within, distance2, np.inf)
    return distance2, np.where(within, log_det, 0.0), distance2 < parameters.gate
