"""How well each detection fits each track: place, size and overlap, with covered edges allowed for.

Between prediction and assignment. A nearer vehicle hides the bottom edge of a box, which tells
where a vehicle stands, and leaves the top; so a detection can be read in more than one way.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.association import size_mismatch2
from traffic_ai.tracking.boxes import anchors_px, iou
from traffic_ai.tracking.candidates import WIDTH_SCALE, Expected, candidates, reach_px
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.found import Found
from traffic_ai.tracking.motion import places
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes, Readings

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
# What covers a vehicle leaves its upper edge; a box whose upper edge is off by this share of its
# vehicle's height more than the lower one is of its lower part, such as the cab.
_LOWER_PART = 0.15


@dataclass(frozen=True, slots=True)
class Fit:
    """P pairs of a track and a detection that may be near, by track, then by detection; of a track
    observed only once its pairs with all detections.

    track, detection (P,): their positions. alike (P,): whether the detection is near enough to the
    track's place, and of its size. cost (P,): negative log-likelihood, infinite where the
    detection cannot be the track's. overlap (P,): of the boxes as seen. shows_road (P,): whether
    the bottom edge is what was detected. place (P,): where the vehicle's whole box is in whole_px
    (Q, 4) and its reading in readings; the first M of these are the detections as they are, the
    last N the tracks' whole boxes as expected.
    """

    track: Indices
    detection: Indices
    alike: Mask
    cost: Array
    overlap: Array
    shows_road: Mask
    place: Indices
    whole_px: Array
    readings: Readings


def fit(
    planes: MotionPlanes, expected: Expected, found: Found, parameters: TrackerParameters
) -> Fit:
    """Fit detections to tracks."""
    track, detection = candidates(planes, expected, found, parameters)
    return weigh(planes, expected, found, track, detection, parameters)


def weigh(
    planes: MotionPlanes,
    expected: Expected,
    found: Found,
    track: Indices,
    detection: Indices,
    parameters: TrackerParameters,
) -> Fit:
    """Weigh pairs (P,) of a track and a detection.

    Where the edge is doubted the vehicle is either covered as it last was, or so much that its own
    height is missing below; the likelier counts, and the latter tells the place. A box that still
    overlaps well stays allowed whatever its anchor does.
    """
    shows_road = _shows_road(planes, expected, found, track, detection)
    hidden = (~shows_road).nonzero()[0]
    covered = rows(found.boxes, detection[hidden])
    read_so = _uncovered(expected, track[hidden], covered)
    whole = np.concatenate([found.boxes, *read_so, expected.whole_px])
    readings = planes.read(whole)
    # Read as they are, those with a doubtful edge as they were covered before; then, once more, as
    # if their height were missing.
    place = detection.copy()
    place[hidden] = len(found.boxes) + np.arange(len(hidden))
    missing = place[hidden] + len(hidden)
    near = _near(
        planes,
        expected,
        np.concatenate([track, track[hidden]]),
        readings.take(np.concatenate([place, missing])),
        parameters,
    ).likelier(hidden)
    place[hidden] = missing
    seen, boxes = rows(expected.seen_px, track), rows(found.boxes, detection)
    overlap = iou(seen, boxes)
    size2 = size_mismatch2(seen, boxes, parameters.size_sigma)
    position = np.where(near.is_near, near.distance2, parameters.gate * (2.0 - overlap))
    cost = position + near.log_det + np.minimum(size2, 4.0 * parameters.gate)
    is_alike = near.is_near & (size2 < 2.0 * parameters.gate)
    cost[~(is_alike | (overlap > parameters.min_iou))] = np.inf
    return Fit(track, detection, is_alike, cost, overlap, shows_road, place, whole, readings)


def _shows_road(
    planes: MotionPlanes, expected: Expected, found: Found, track: Indices, detection: Indices
) -> Mask:
    """Whether detections (P,) show where what is in the picture of the vehicles of their tracks
    (P,) meets the road.
    """
    edge = found.on_road | found.cut_beside
    shows = edge[detection] & ~(found.on_foot[detection] & expected.drives[track])
    if found.free_left.any() or found.free_right.any():
        side = planes.near_sides(expected.state, expected.on_ground)
        side[~expected.four_wheeled] = 0
        shows |= found.free_left[detection] & (side < 0)[track]
        shows |= found.free_right[detection] & (side > 0)[track]
    return np.asarray(shows)


def _uncovered(expected: Expected, track: Indices, boxes: Array) -> tuple[Array, Array]:
    """What boxes (H, 4) with a covered edge, of these tracks (H,), would be in whole: as they were
    covered before, and with the height their tracks have, scaled with the width, (H, 4) each.

    Without the latter a covered vehicle seems to drive off along the road.
    """
    if not len(track):
        return boxes, boxes
    whole = rows(expected.whole_px, track)
    as_before, standing = boxes.copy(order="K"), boxes.copy(order="K")
    as_before[:, 3] += whole[:, 3] - expected.seen_px[track, 3]
    size, own = boxes[:, 2:] - boxes[:, :2], whole[:, 2:] - whole[:, :2]
    narrowest, widest = WIDTH_SCALE
    scale = size[:, 0] / np.maximum(own[:, 0], 1.0)
    scale = np.minimum(np.maximum(scale, narrowest), widest)
    height = np.maximum(own[:, 1] * scale, size[:, 1])
    off = np.abs(boxes - whole)
    is_lower = off[:, 1] > off[:, 3] + _LOWER_PART * own[:, 1]
    standing[:, 3] = np.where(is_lower, boxes[:, 3], boxes[:, 1] + height)
    standing[:, 1] = standing[:, 3] - height
    return as_before, standing


@dataclass(frozen=True, slots=True)
class _Near:
    """Of pairs (P,): squared distance, log-determinant, and whether within gate and reach."""

    distance2: Array
    log_det: Array
    is_near: Mask

    def likelier(self, twice: Indices) -> "_Near":
        """With the likelier of two readings where the last pairs are others of those at `twice`."""
        if not len(twice):
            return self
        first = len(self.distance2) - len(twice)
        chosen = np.arange(first)
        better = (self.distance2[first:] < self.distance2[twice]).nonzero()[0]
        chosen[twice[better]] = first + better
        return _Near(self.distance2[chosen], self.log_det[chosen], self.is_near[chosen])


def _near(
    planes: MotionPlanes,
    expected: Expected,
    track: Indices,
    found: Readings,
    parameters: TrackerParameters,
) -> _Near:
    """How near the readings (P,) are to their tracks (P,).

    Reach is in heights of the box; a track seen once may be anywhere its widest velocity guess
    allows. Beyond it the distance is infinite.
    """
    x, y = (anchors_px(rows(expected.whole_px, track)) - found.anchors_px).T
    within = np.sqrt(x * x + y * y) < reach_px(expected, parameters)[track]
    within |= expected.once[track]
    distance2, log_det = planes.distances(
        rows(places(expected.state, expected.covariance), track), expected.on_ground[track], found
    )
    distance2 = np.where(within, distance2, np.inf)
    return _Near(distance2, np.where(within, log_det, 0.0), distance2 < parameters.gate)
