"""Two tracks on one vehicle: found by their boxes over time, so that one identity is kept.

After the tracks of a frame are updated. A detector may give a truck's cab now and then beside the
truck, or the rider in one picture and the motorcycle in the next; each can start a track that lives
on. What tells them from two vehicles is time: one lies in the other all along, both move alike, and
the detector hardly ever shows both at once, or shows one where only the other can be seen.
"""

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track
from traffic_ai.tracking.boxes import areas, shared_area, touching
from traffic_ai.tracking.columns import rows

# This share of the smaller box lies in the other: now, and at most moments looked back on. A track
# begins with guesses.
_NOW_SHARE = 0.7
_ALL_ALONG_SHARE = 0.5
_MOST = 0.8
_LOOK_BACK_S = 1.0
_LEAST_S = 0.5
_LEAST_SEEN = 3
# Way of the larger in heights of the larger box: vehicles that stand in a queue stay as they are.
_LEAST_WAY = 0.15
# Spread of the smaller one's place in the larger, in sizes of the larger; and how much the ways of
# both differ, of the larger one's way and of its height. Who passes before one that stands is none.
_MOVES_ALIKE = 0.12
_WAYS_DIFFER = (0.5, 0.05)
# Both seen in no more than this share of the pictures that show either.
_SELDOM = 0.2
# Nothing can be seen through a vehicle: what ends this much above its lower edge is a part of it.
_ABOVE = 0.1
_INSIDE_SHARE = 0.85


def doubles(tracks: list[Track], boxes: Array) -> list[tuple[int, int]]:
    """Pairs (kept, dropped) of positions in `tracks`, whose boxes (N, 4) are these now.

    The older one is kept. Nobody is in two pairs.
    """
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for i, j in _candidates(boxes):
        if i in taken or j in taken or not _is_double(tracks[i], tracks[j]):
            continue
        older_first = tracks[i].first_t_s <= tracks[j].first_t_s
        pairs.append((i, j) if older_first else (j, i))
        taken |= {i, j}
    return pairs


def _candidates(boxes: Array) -> list[tuple[int, int]]:
    """Pairs (i < j) of boxes (N, 4), one mostly in the other."""
    one, other = touching(boxes)
    share = _share_inside(rows(boxes, one), rows(boxes, other))
    found = ((share >= _NOW_SHARE) & (one < other)).nonzero()[0]
    return list(zip(one[found].tolist(), other[found].tolist(), strict=True))


def _share_inside(a: Array, b: Array) -> Array:
    """How much of the smaller of boxes (..., 4) lies in the other, (...)."""
    smaller = np.minimum(areas(a), areas(b))
    return np.asarray(shared_area(a, b) / np.maximum(smaller, 1e-9))


def _is_double(one: Track, other: Track) -> bool:
    """Whether two tracks with a point at every frame have been on one vehicle for some time."""
    if min(one.observed_count, other.observed_count) < _LEAST_SEEN:
        return False
    n = min(_points_back(one), _points_back(other))
    if n < 2 or one.t_s[-1] - one.t_s[-n] < _LEAST_S:
        return False
    a, b = one.xyxy_px[-n:], other.xyxy_px[-n:]
    if np.mean(_share_inside(a, b) >= _ALL_ALONG_SHARE) < _MOST:
        return False
    seen_a, seen_b = one.observed[-n:], other.observed[-n:]
    if min(int(seen_a.sum()), int(seen_b.sum())) < _LEAST_SEEN:
        return False
    if np.mean(areas(a)) < np.mean(areas(b)):
        a, b = b, a
    if not _move_alike(a, b):
        return False
    both = seen_a & seen_b
    seldom = both.sum() <= _SELDOM * (seen_a | seen_b).sum()
    return bool(seldom or _is_part(a[both], b[both]))


def _points_back(track: Track) -> int:
    """How many points the time looked back on has."""
    t_s = track.t_s
    return int(len(t_s) - np.searchsorted(t_s, t_s[-1] - _LOOK_BACK_S))


def _move_alike(outer: Array, inner: Array) -> bool:
    size = outer[:, 2:] - outer[:, :2]
    height = float(size[:, 1].mean())
    middle, inner_middle = ((box[:, :2] + box[:, 2:]) / 2.0 for box in (outer, inner))
    way, inner_way = middle[-1] - middle[0], inner_middle[-1] - inner_middle[0]
    way_px = float(np.linalg.norm(way))
    differ_px = _WAYS_DIFFER[0] * way_px + _WAYS_DIFFER[1] * height
    if way_px < _LEAST_WAY * height or np.linalg.norm(inner_way - way) > differ_px:
        return False
    place = (inner_middle - middle) / size
    near = np.linalg.norm(place - np.median(place, axis=0), axis=1)
    return bool(np.median(near) <= _MOVES_ALIKE)


def _is_part(outer: Array, inner: Array) -> bool:
    above = (outer[:, 3] - inner[:, 3]) / (outer[:, 3] - outer[:, 1])
    inside = _share_inside(outer, inner)
    return bool(np.median(above) >= _ABOVE and np.median(inside) >= _INSIDE_SHARE)
