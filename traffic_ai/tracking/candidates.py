"""Which detections come into question for which tracks, so that only these pairs are looked at.

Before `fit`, whose verdict on a pair it never forestalls: what is left out here could neither be
near enough to a track's place nor overlap its box enough. How far below a box that is covered its
vehicle may stand is not known here; its middle tells to which side of a track it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.boxes import anchors_px
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.found import Found
from traffic_ai.tracking.motion import places
from traffic_ai.tracking.parameters import TrackerParameters
from traffic_ai.tracking.plane import MotionPlanes

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
# A covered box may be narrower too; more than this is not the vehicle coming nearer.
WIDTH_SCALE = (0.9, 1.1)
# Where there are more pairs a track it is worth looking at them more closely.
_MANY = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """What N tracks predict for this frame.

    state (N, 4), covariance (N, 4, 4), on_ground (N,): as in `MotionPlanes`. seen_px (N, 4):
    boxes as they should be seen; whole_px (N, 4): as if nothing covered them. once (N,): observed
    only once so far, so of unknown velocity. leaving (N,): their feet left the picture, where they
    are followed badly: found again by what is still seen of them alone. drives, four_wheeled
    (N,): not followed as one on foot, as a car, bus or truck.
    """

    state: Array
    covariance: Array
    on_ground: Mask
    seen_px: Array
    whole_px: Array
    once: Mask
    leaving: Mask
    drives: Mask
    four_wheeled: Mask


def reach_px(expected: Expected, parameters: TrackerParameters) -> Array:
    """How far from its place a track (N,) is found, however unsure it has become."""
    height_px = np.maximum(expected.whole_px[:, 3] - expected.whole_px[:, 1], 8.0)
    return np.where(expected.leaving, 0.0, parameters.reach_heights * height_px)


def candidates(
    planes: MotionPlanes, expected: Expected, found: Found, parameters: TrackerParameters
) -> tuple[Indices, Indices]:
    """Tracks and detections (P,) of the pairs in question, by track, then by detection.

    Those of a track that was observed only once are all in question.
    """
    seen, whole = expected.seen_px, expected.whole_px
    x, y = anchors_px(whole).T
    reach, hidden = reach_px(expected, parameters), whole[:, 3] - seen[:, 3]
    # A lower edge that is not seen may be read so much farther down.
    missing = np.maximum(np.maximum(WIDTH_SCALE[1] * (whole[:, 3] - whole[:, 1]), hidden), 0.0)
    top = np.minimum(seen[:, 1], y - reach - missing)
    bottom = np.maximum(seen[:, 3], y + reach - np.minimum(hidden, 0.0))
    overlaps = _overlap_reach_px(expected, parameters)
    aside = np.maximum(reach, overlaps)
    x0, y0, x1, y1 = found.boxes.T
    middle = (x0 + x1) / 2.0
    may = np.abs(x[:, None] - middle) < aside[:, None]
    may &= top[:, None] < y1
    may &= bottom[:, None] > y0
    may |= expected.once[:, None]
    track, detection = np.divmod(may.ravel().nonzero()[0], max(len(x0), 1))
    if len(track) <= _MANY * len(x):
        return track, detection
    kept = expected.once[track] | (np.abs(x[track] - middle[detection]) < overlaps[track])
    kept |= planes.may_be_near(
        rows(places(expected.state, expected.covariance), track),
        expected.on_ground[track],
        middle[detection],
        y1[detection] + np.minimum(hidden, 0.0)[track],
        (y1 - y0)[detection] + missing[track],
        parameters.gate,
    )
    return track[kept], detection[kept]


def _overlap_reach_px(expected: Expected, parameters: TrackerParameters) -> Array:
    """How far aside of a track's place (N,) the middle of a box may be that overlaps enough."""
    left, _, right, _ = expected.seen_px.T
    # Two boxes with that overlap differ in width and place by no more than this.
    least = parameters.min_iou
    beside = (1.0 - least) / min(2.0 * least, 1.0) * (right - left)
    return np.asarray(beside + np.abs(anchors_px(expected.whole_px)[:, 0] - (left + right) / 2.0))
