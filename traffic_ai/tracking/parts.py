"""Boxes that show no more than a part of a vehicle that is followed: its cab, its tail, its rider.

Before and after association. The detector boxes now the whole of a vehicle and now a part of it;
the track knows its size, and where a part of it was found before.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.road_user import RoadUser
from traffic_ai.tracking.boxes import cut_short, iou, is_before, part_of, within
from traffic_ai.tracking.columns import rows
from traffic_ai.tracking.fit import Fit
from traffic_ai.tracking.found import Found, Seen
from traffic_ai.tracking.live import LiveTracks

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
FOUR_WHEELED = np.array([u in (RoadUser.CAR, RoadUser.BUS, RoadUser.TRUCK) for u in RoadUser])
# A vehicle seen whole so short a time ago is still where it is thought to be.
_PART_OF_S = 0.5
# A box is as its vehicle was where both share this much.
_ALIKE = 0.65
# A known part is found again this near to its place, in sizes of the whole box.
_SAME_PLACE = 0.2
# What covers a vehicle begins where that ends, give or take this share of its height.
_JUST_BELOW = 0.15


def parts(seen: Seen, live: LiveTracks, unobserved_s: Array) -> Mask:
    """Which detections (M,) show no more than a part of a vehicle that is seen or followed.

    unobserved_s (N,): time since each track was last observed, here and below.
    """
    part = np.zeros(len(seen.boxes), bool)
    if seen.has_parts:
        part |= seen.parts(_as_it_was(seen.boxes, live))
    if len(live):
        part |= _known_part(seen.boxes, live, unobserved_s)
    return part


def upper_parts(boxes: Array, live: LiveTracks, unobserved_s: Array) -> Mask:
    """Which boxes (K, 4) are the upper part of a vehicle that was seen whole just before."""
    missed = live.confirmed & (unobserved_s > 0.0) & (unobserved_s <= _PART_OF_S)
    if not missed.any() or not len(boxes):
        return np.zeros(len(boxes), bool)
    above, _ = part_of(boxes[:, None], live.whole_px[missed])
    return np.asarray(above.any(axis=1))


def cut_pairs(
    pairs: Indices,
    found: Found,
    fitted: Fit,
    live: LiveTracks,
    unobserved_s: Array,
    seen_px: Array,
) -> Mask:
    """Which pairs of a fit (K,) are of a four-wheeled vehicle that was seen whole just before and a
    box that shows a part of it, such as the cab, though nothing is before it: its edges tell no
    place. seen_px (4,): the part of the picture that is looked at.
    """
    track, detection = fitted.track[pairs], fitted.detection[pairs]
    known = live.confirmed & (unobserved_s <= _PART_OF_S)
    # Of one whose foot is below the picture the height is guessed.
    known &= FOUR_WHEELED[live.class_id] & (live.whole_px[:, 3] <= seen_px[3])
    boxes, whole = rows(found.boxes, detection), rows(live.whole_px, track)
    short = known[track] & found.on_road[detection] & cut_short(boxes, whole)
    if short.any():
        short[short] = ~is_before(found.boxes, detection[short], _JUST_BELOW)
    return np.asarray(short)


def _as_it_was(boxes: Array, live: LiveTracks) -> Mask:
    """Which boxes (M, 4) are as one of the vehicles is expected to be seen: its cab or all of it,
    as before.
    """
    alike = iou(boxes[:, None], live.box_px[live.confirmed])
    return np.asarray((alike >= _ALIKE).any(axis=1))


def _known_part(boxes: Array, live: LiveTracks, unobserved_s: Array) -> Mask:
    """Which boxes (M, 4) show a part for which a vehicle, seen whole just before, is known to be
    taken.
    """
    known = ~np.isnan(live.part[:, 0]) & (unobserved_s <= _PART_OF_S)
    if not known.any():
        return np.zeros(len(boxes), bool)
    place = within(boxes[:, None], live.whole_px[known])
    again = np.abs(place - live.part[known]).max(axis=2) <= _SAME_PLACE
    return np.asarray(again.any(axis=1))
