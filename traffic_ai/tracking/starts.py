"""Which detections that no track explains begin one.

After association. A sure detection begins a track in its own right. A doubtful one begins a track
that nobody is shown until a sure detection continues it: a vehicle that is far away, small or dark
is found doubtfully for long, and has a past when it is first found surely.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.boxes import areas, iou, shared_area
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.found import Found
from traffic_ai.tracking.live import LiveTracks

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
# What overlaps the box of a track so much is on its vehicle.
_SAME_IOU = 0.7
# What is found doubtfully this near beside a vehicle, in that one's sizes, may be a part of it, its
# shadow or its mirror image on a wet road.
_BESIDE = 0.2
# Of the doubtful detections of one vehicle the surest counts; they share this much of the smaller.
_OWN_SHARE = 0.5
# What is followed doubtfully and stands after so many observations needs no past.
_STANDS_AFTER = 3


def sure_starts(free: Indices, found: Found, live: LiveTracks) -> Indices:
    """Which of the free detections (K,) are sure and not on the vehicle of a track."""
    free = free[found.sure[free]]
    if not len(free) or not live.sure.any():
        return free
    overlap = iou(found.boxes[free][:, None], live.box_px[live.sure])
    return np.asarray(free[overlap.max(axis=1) <= _SAME_IOU])


def doubtful_starts(free: Indices, found: Found, live: LiveTracks) -> Indices:
    """Which of the free detections (K,) are doubtful, seen down to the road, and away from what is
    sure or surer.
    """
    free = free[~found.sure[free] & found.on_road[free] & ~found.on_foot[free]]
    if not len(free):
        return free
    boxes = rows(found.boxes, free)
    vehicles = np.concatenate([rows(found.boxes, found.sure.nonzero()[0]), live.box_px[live.sure]])
    alone = ~_is_beside(boxes, vehicles).any(axis=1)
    alone &= ~_same(boxes, live.box_px).any(axis=1)
    surer = found.confidence > found.confidence[free][:, None]
    return np.asarray(free[alone & ~(_same(boxes, found.boxes) & surer).any(axis=1)])


def superfluous(live: LiveTracks, standing: Mask) -> Mask:
    """Which tracks (N,) that were never surely seen are beside a vehicle, or stand (N,)."""
    doubtful = ~live.sure
    if not doubtful.any():
        return doubtful
    stands = standing & (live.observed_count >= _STANDS_AFTER)
    return doubtful & (stands | _is_beside(live.box_px, live.box_px[live.sure]).any(axis=1))


def _is_beside(boxes: Array, vehicles: Array) -> Mask:
    """Which boxes (N, 4) lie in or near the boxes (M, 4) of vehicles, (N, M)."""
    size = vehicles[:, 2:] - vehicles[:, :2]
    around = vehicles + _BESIDE * np.concatenate([-size, size], axis=1)
    return np.asarray(shared_area(boxes[:, None], around) > 0.0)


def _same(boxes: Array, others: Array) -> Mask:
    """Which boxes (N, 4) and others (M, 4) share much of the smaller of the two, (N, M)."""
    smaller = np.minimum(areas(boxes)[:, None], areas(others))
    return np.asarray(shared_area(boxes[:, None], others) >= _OWN_SHARE * smaller)
