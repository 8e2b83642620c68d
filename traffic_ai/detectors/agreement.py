"""Agreement: whether another engine finds what the reference finds, near enough to be used.

Rules measure with a box's bottom edge and with where it is along the road, so that not only what
is found counts but where its edges are, and whether they are off to one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.detection import Detections
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.suppression import areas, intersections

SURE = 0.4  # what is this sure in one must be found in the other,
FOUND = 0.25  # where it may be less sure
SAME_IOU = 0.5
LEAST_SURE = 50  # fewer boxes tell nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an engine may be off. Shifts are shares of a box's height."""

    recall: float = 0.97
    precision: float = 0.97
    typical_shift: float = 0.02
    largest_shift: float = 0.10
    bottom_bias: float = 0.005


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an engine finds beside the reference.

    sure: boxes of the reference that are sure; recall: share of them that is found; precision:
    share of the engine's sure boxes that the reference finds. Of the pairs, by the box's height:
    typical_shift and largest_shift, median and 95th percentile of the farthest edge's shift;
    bottom_bias: mean shift of the bottom edge, downwards positive.
    """

    sure: int
    recall: float
    precision: float
    typical_shift: float
    largest_shift: float
    bottom_bias: float

    def problems(self, limits: Limits = Limits()) -> list[str]:
        """Why the engine cannot be used, one a line; empty where it can."""
        found = []
        if self.sure < LEAST_SURE:
            found.append(f"only {self.sure} boxes to compare, wanted {LEAST_SURE}")
        for name in ("recall", "precision"):
            value, least = getattr(self, name), getattr(limits, name)
            if not value >= least:
                found.append(f"{name} {value:.3f}, wanted {least}")
        for name in ("typical_shift", "largest_shift", "bottom_bias"):
            value, most = getattr(self, name), getattr(limits, name)
            if not abs(value) <= most:
                found.append(f"{name.replace('_', ' ')} {value:.4f} of the height, at most {most}")
        return found


def compare(reference: Sequence[Detections], found: Sequence[Detections]) -> Agreement:
    """An engine's detections of some pictures beside the reference's of the same."""
    hits, kept, shifts = [], [], []
    for wanted, seen in zip(reference, found, strict=True):
        partner, shared = _partners(wanted, seen)
        hits.append(shared[wanted.confidence >= SURE])
        sure = np.flatnonzero((wanted.confidence >= SURE) & shared)
        a, b = wanted.xyxy_px[sure], seen.xyxy_px[partner[sure]]
        shifts.append((b - a) / np.maximum(a[:, 3:] - a[:, 1:2], 1.0))
        kept.append(_partners(seen, wanted)[1][seen.confidence >= SURE])
    shift = np.concatenate(shifts) if shifts else np.zeros((0, 4))
    farthest = np.abs(shift).max(axis=1)
    return Agreement(
        sure=sum(map(len, hits)),
        recall=_share(hits),
        precision=_share(kept),
        typical_shift=float(np.median(farthest)) if len(shift) else float("nan"),
        largest_shift=float(np.quantile(farthest, 0.95)) if len(shift) else float("nan"),
        bottom_bias=float(shift[:, 3].mean()) if len(shift) else float("nan"),
    )


def _partners(these: Detections, those: Detections) -> tuple[np.ndarray, np.ndarray]:
    """For each of these the best overlapping one of those, and whether it is the same one."""
    if not len(those):
        return np.zeros(len(these), np.int64), np.zeros(len(these), bool)
    shared = intersections(these.xyxy_px, those.xyxy_px)
    union = areas(these.xyxy_px)[:, None] + areas(those.xyxy_px)[None, :] - shared
    person = RoadUser.PERSON
    alike = (these.class_id == person)[:, None] == (those.class_id == person)[None, :]
    overlap = np.where(alike & (those.confidence >= FOUND), shared / np.maximum(union, 1e-9), 0.0)
    return overlap.argmax(axis=1), overlap.max(axis=1) >= SAME_IOU


def _share(hits: Sequence[np.ndarray]) -> float:
    every = np.concatenate(hits) if hits else np.zeros(0, bool)
    return float(every.mean()) if len(every) else float("nan")
