"""Vehicles that leave the picture below: followed badly, and lost by the detector before they are
gone, they still cover what comes behind them.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.tracking.boxes import is_covered
from traffic_ai.tracking.live import LiveTracks

Mask = NDArray[np.bool_]
# Who is not seen for so long while his foot is below the picture has left, or nearly so.
_LEAVING_S = 0.5


def has_nearly_left(live: LiveTracks, unobserved_s: Array, seen_px: Array) -> Mask:
    """Whose foot has been below what is seen (4,) for some time, of tracks (N,) unobserved so
    long.
    """
    return np.asarray((unobserved_s > _LEAVING_S) & (live.whole_px[:, 3] > seen_px[3]))


def behind_leaving(live: LiveTracks, boxes: Array, is_found: Mask, seen_px: Array) -> Mask:
    """Whose lower edges, of tracks with these boxes (N, 4), one covers that leaves below and was
    not found any more.
    """
    leaving = (live.confirmed & ~is_found & (live.box_px[:, 3] >= seen_px[3])).nonzero()[0]
    found = is_found.nonzero()[0]
    if not len(leaving) or not len(found):
        return np.zeros(len(live), bool)
    # It moves on, but how fast is not well known of a box without a lower edge.
    tracks = [live.tracks[row] for row in leaving.tolist()]
    last = np.array([track.xyxy_px[track.observed][-1] for track in tracks])
    last[:, 3] = np.inf
    pairs = (
        np.repeat(found, len(leaving)),
        np.tile(len(boxes) + np.arange(len(leaving)), len(found)),
    )
    return is_covered(np.concatenate([boxes, last]), pairs)[: len(boxes)]
