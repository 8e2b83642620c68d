"""What a frame's detections show, as the tracker looks at them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.detection import Detections
from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.tracking.boxes import (
    Pairs,
    covering,
    ends_above,
    is_edge_covered,
    part_of,
    touching,
    whole_across,
)
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.plane import MotionPlanes

# Front and rear ends are no wider (buses 2.55 m, and boxes are wider than what they hold).
_END_M = 2.6


@dataclass(frozen=True, slots=True)
class Found:
    """M detections: boxes (M, 4), confidence (M,), class_id (M,).

    sure (M,): confident enough to start a track. on_road (M,): whether the lower edge is where
    something meets the road. cut_beside (M,): the left or right border cuts it off, and its lower
    edge is seen: what comes into the picture grows wider, not nearer. on_foot (M,): somebody on
    foot, so perhaps only the rider of a two-wheeler, whose feet are above the road. free_left,
    free_right (M,): covered, but not where one end of a vehicle would be that shows that end at its
    left or right: who is seen askew shows its side beside the end that stands on the road, and a
    neighbour often covers no more than that.
    """

    boxes: Array
    confidence: Array
    class_id: NDArray[np.int64]
    sure: NDArray[np.bool_]
    on_road: NDArray[np.bool_]
    cut_beside: NDArray[np.bool_]
    on_foot: NDArray[np.bool_]
    free_left: NDArray[np.bool_]
    free_right: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Seen:
    """All detections of a frame, M of them, before it is known which show parts of vehicles.

    pairs: those that touch. above, below (P,): whether the first of a pair is the upper part of the
    other, or ends with it below.
    """

    detections: Detections
    boxes: Array
    pairs: Pairs
    above: NDArray[np.bool_]
    below: NDArray[np.bool_]

    @classmethod
    def of(cls, detections: Detections) -> "Seen":
        """A frame's detections."""
        boxes = detections.xyxy_px.astype(np.float64, order="F")
        one, other = touching(boxes)
        above, below = part_of(rows(boxes, one), rows(boxes, other))
        return cls(detections, boxes, (one, other), above, below)

    @property
    def has_parts(self) -> bool:
        """Whether one shows a part of what another shows."""
        return bool(self.above.any() or self.below.any())

    def parts(self, as_it_was: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which show a part of a vehicle that another one shows too, (M,).

        Of two that stand on the road alike the one of more credence counts: that is as a vehicle
        was before, as_it_was (M,), and the surer one.
        """
        (one, other), above, below = self.pairs, self.above, self.below
        credence = self.detections.confidence.astype(np.float64) + as_it_was
        weaker = credence[one] <= credence[other]
        found = np.zeros(len(self.boxes), bool)
        found[one[above | (below & weaker)]] = True
        found[other[below & ~weaker]] = True
        return found

    def without(
        self,
        part: NDArray[np.bool_],
        planes: MotionPlanes,
        sure_confidence: float,
    ) -> Found:
        """What is left without these parts (M,)."""
        detections, boxes, pairs = self.detections, self.boxes, self.pairs
        if part.any():
            detections, boxes = detections.select(~part), rows(boxes, (~part).nonzero()[0])
            pairs = touching(boxes)
        covers = covering(boxes, pairs)
        covered = is_edge_covered(boxes, covers, boxes[:, 0], boxes[:, 2])
        above, across = ends_above(boxes, planes.seen_px), whole_across(boxes, planes.seen_px)
        inside = above & across
        left, right = _free_ends(boxes, covers, covered & inside, planes)
        return Found(
            boxes,
            detections.confidence.astype(np.float64),
            detections.class_id,
            detections.confidence >= sure_confidence,
            inside & ~covered,
            above & ~across & ~covered,
            detections.class_id == RoadUser.PERSON,
            left,
            right,
        )


def _free_ends(
    boxes: Array, covers: Pairs, covered: NDArray[np.bool_], planes: MotionPlanes
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the covered boxes (M,) have a free end at their left, and which at their right.

    covers: pairs that are `covering`.
    """
    if not covered.any():
        return covered, covered
    left, right = boxes[:, 0], boxes[:, 2]
    end_px = planes.px_across(boxes, _END_M)
    return (
        covered & ~is_edge_covered(boxes, covers, left, np.minimum(right, left + end_px)),
        covered & ~is_edge_covered(boxes, covers, np.maximum(left, right - end_px), right),
    )
