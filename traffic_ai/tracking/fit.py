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
from traffic_ai.tracking.plane import MotionPlanes

# A covered box may be narrower too; more than this is not the vehicle coming nearer.
_WIDTH_SCALE = (0.9, 1.1)


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
    standing = _standing(expected.whole_px, boxes)
    as_before = np.repeat(boxes[None], len(expected.state), axis=0)
    as_before[:, :, 3] += np.where(
        shows_road, 0.0, (expected.whole_px - expected.seen_px)[:, None, 3]
    )
    distance2, log_det, near = _near(planes, expected, as_before, parameters)
    other2, other_det, other_near = _near(planes, expected, standing, parameters)
    better = ~shows_road & (other2 < distance2)
    distance2 = np.where(better, other2, distance2)
    log_det, near = np.where(better, other_det, log_det), np.where(better, other_near, near)
    size2 = size_mismatch2(expected.seen_px[:, None], boxes, parameters.size_sigma)
    overlap = iou(expected.seen_px[:, None], boxes)
    position = np.where(near, distance2, parameters.gate * (2.0 - overlap))
    cost = position + log_det + np.minimum(size2, 4.0 * parameters.gate)
    allowed = (near & (size2 < 2.0 * parameters.gate)) | (overlap > parameters.min_iou)
    whole = np.where(shows_road[:, :, None], boxes, standing)
    return Fit(np.where(allowed, cost, FORBIDDEN), overlap, whole, shows_road)


def _standing(whole: Array, boxes: Array) -> Array:
    """Boxes (M, 4) with the height each of N tracks has, scaled with the width, (N, M, 4).

    Without this a covered vehicle seems to drive off along the road.
    """
    stood = np.repeat(boxes[None], len(whole), axis=0)
    size, own = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    scale = np.clip(size[None, :, 0] / np.maximum(own[:, None, 0], 1.0), *_WIDTH_SCALE)
    stood[:, :, 3] = boxes[None, :, 1] + np.maximum(own[:, None, 1] * scale, size[None, :, 1])
    return stood


def _near(
    planes: MotionPlanes, expected: Expected, whole: Array, parameters: TrackerParameters
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Squared distance, log-determinant, and whether within gate and reach, each (N, M).

    Reach is in heights of the box, however unsure a lost track has become; a track seen once may
    be anywhere its widest velocity guess allows. Beyond it the distance is infinite.
    """
    far = np.linalg.norm(anchors_px(expected.whole_px)[:, None] - anchors_px(whole), axis=2)
    height = expected.whole_px[:, 3] - expected.whole_px[:, 1]
    reach = parameters.reach_heights * np.maximum(height, 8.0)
    within = expected.once[:, None] | (far < reach[:, None])
    rows, columns = np.nonzero(within)
    distance2, log_det = np.full(within.shape, np.inf), np.zeros(within.shape)
    distance2[rows, columns], log_det[rows, columns] = planes.distances(
        expected.state[rows],
        expected.covariance[rows],
        expected.on_ground[rows],
        whole[rows, columns],
    )
    return distance2, log_det, distance2 < parameters.gate
