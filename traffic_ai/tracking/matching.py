"""Which detection each track goes on with: sure detections first, doubtful ones for who is left.

The idea of ByteTrack (Zhang et al., ECCV 2022). Between `fit` and the tracker.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.tracking.association import assign
from traffic_ai.tracking.fit import Fit

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


def match(fitted: Fit, sure: Mask, settled: Mask, recent: Mask, min_iou: float) -> Indices:
    """The pairs of a fit, (K,), in each of which a settled track (N,) goes on with a detection.

    sure (M,): detections that come first. recent (N,): tracks seen so lately that a doubtful one
    that overlaps well may be theirs.
    """
    possible = (fitted.cost < np.inf) & settled[fitted.track]
    of_sure = sure[fitted.detection]
    chosen = _cheapest(fitted, possible & of_sure)
    doubtful = possible & ~of_sure
    if not doubtful.any():
        return chosen
    left = recent.copy()
    left[fitted.track[chosen]] = False
    weak = doubtful & left[fitted.track] & (fitted.overlap > min_iou)
    return np.concatenate([chosen, _cheapest(fitted, weak)])


def match_young(fitted: Fit, chosen: Indices, young: Mask) -> Indices:
    """Pairs besides the chosen ones (K,) in which young tracks (N,) go on with what those leave.

    Sure or doubtful, and near where motion puts it: of a track seen once or twice the motion is
    known roughly, so its next box need not overlap the place; and one that is not sure is no
    vehicle yet that overlap alone would tell.
    """
    free_track, free = young.copy(), np.ones(fitted.detection.max(initial=-1) + 1, bool)
    free_track[fitted.track[chosen]] = False
    free[fitted.detection[chosen]] = False
    among = fitted.alike & free_track[fitted.track] & free[fitted.detection]
    return _cheapest(fitted, among) if among.any() else chosen[:0]


def _cheapest(fitted: Fit, among: Mask) -> Indices:
    pairs = among.nonzero()[0]
    found = assign(fitted.track[pairs], fitted.detection[pairs], fitted.cost[pairs])
    return pairs[found]
