"""Where a vehicle stands, and whether it does: from boxes that others may cover.

Used by the stop-over-line rule. What drives up behind a standing vehicle hides its lower edge bit
by bit, and need not be detected itself; the vehicle then seems to stand farther ahead.
"""

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array, DirectedLine, Homography
from traffic_ai.core.track import Track
from traffic_ai.rules.medians import medians, piece_begins
from traffic_ai.rules.stop_line_geometry import whole_boxes
from traffic_ai.rules.upper_edge import edge_sigma_px

# Standing: the box moves less than this share of its height within the standing time.
STANDING_SHARE = 0.1
# On the road no farther than this, besides what the boxes' trembling explains: this many standard
# deviations of the median of a piece. A bus that rolls on for two metres moves but a tenth of the
# height of its box.
_STANDING_M, _TREMBLE_SIGMAS = 0.5, 3.0
# What covers a vehicle takes from its height: boxes lower than it was just before it stood, or is
# at other times while it stands, by this share and their noise, do not show its place.
_LOWER_SHARE = 0.1
_BEFORE_S = 1.0
_POINTS, _LEAST_POINTS = 5, 3
_HIGHEST = 0.9
# Of a shift of the box across the lane this much counts as movement.
_ACROSS_WEIGHT = 0.3
# Medians of so many pieces of the time keep the box noise out.
_PIECES = 6


def standing_points(
    track: Track,
    window: NDArray[np.bool_],
    forward: Array,
    homography: Homography | None,
    *,
    ahead_seen: bool,
) -> NDArray[np.bool_]:
    """Points (N,) that show where the standing vehicle meets the road.

    The next in the queue may cover its bottom edge, and may not itself be detected; where it stood
    before that counts as long as its upper edge has not moved since. ahead_seen: its front is what
    is seen; where nothing shows its lower edge, one that is too high in the picture tells no more
    than that it stands no less far ahead.
    """
    tops = _top_middles(track.xyxy_px)
    heights = track.xyxy_px[:, 3] - track.xyxy_px[:, 1]
    away = _moved(tops - np.median(tops[window], axis=0), forward)
    here = away <= STANDING_SHARE * np.median(heights[window])
    left = np.flatnonzero(track.observed & ~here)
    since = int(left[-1]) + 1 if len(left) else 0
    here[:since] = False
    if not here.any():
        return here
    grounded = np.flatnonzero(track.grounded)
    grounded = grounded[whole_boxes(track.xyxy_px[grounded], homography)]
    shows = np.zeros(len(track), bool)
    shows[np.intersect1d(grounded, _as_high(track, since, homography))] = True
    if ahead_seen and (shows & here).sum() < _LEAST_POINTS:
        return np.asarray(track.observed & here)
    return np.asarray(shows & here)


def _as_high(track: Track, since: int, homography: Homography | None) -> NDArray[np.int64]:
    """Positions of the grounded points, from just before it stands, whose boxes nothing lowers.

    Heights are compared on the road where the boxes stand, as that of one vehicle; without a road
    plane only those at its place, from position `since` on.
    """
    near_s = _BEFORE_S if homography is not None else 0.0
    near = np.flatnonzero(track.grounded & (track.t_s >= track.t_s[since] - near_s))
    if len(near) < _POINTS:
        return near
    boxes, scale = track.xyxy_px[near], np.ones(len(near))
    if homography is not None:
        scale = homography.m_per_px_across(track.anchor_px[near])
    height = (boxes[:, 3] - boxes[:, 1]) * scale
    windows = np.lib.stride_tricks.sliding_window_view(height, _POINTS)
    highest = float(np.quantile(np.median(windows, axis=1), _HIGHEST))
    noise = edge_sigma_px(boxes) * scale
    return near[height >= (1.0 - _LOWER_SHARE) * highest - noise]


def least_of_pieces(values: Array) -> float:
    """The second least of the medians of six pieces of the time.

    What slowly covers a rear makes it seem farther ahead; in the first piece it may still roll.
    """
    begins = piece_begins(len(values), min(_PIECES, len(values)))
    return float(np.sort(medians(values[:, None], begins)[:, 0])[min(1, len(begins) - 1)])


def movement_share(track: Track, window: NDArray[np.bool_], forward: Array) -> float:
    """How far the box wandered in the window, in heights of the box.

    By its upper edge, which the next in the queue does not cover, and by its lower edge where that
    is seen throughout. Medians of six pieces of the time keep the box noise out.
    """
    boxes = track.xyxy_px[window]
    edges = [_top_middles(boxes)]
    if track.grounded[window].all():
        edges.append(track.anchor_px[window])
    height = max(float(np.median(boxes[:, 3] - boxes[:, 1])), 1.0)
    return max(_wandered(edge, forward) for edge in edges) / height


def rolls(track: Track, window: NDArray[np.bool_], line: DirectedLine | None) -> bool:
    """Whether the seen end moved along the road in the window; never where it was not seen
    throughout. line: on the road plane, None where that is not known.
    """
    if line is None or not track.grounded[window].all():
        return False
    place_m = line.distance(track.ground_m[window])
    if np.isnan(place_m).any():
        return False
    begins = piece_begins(len(place_m), min(_PIECES, len(place_m)))
    middles = medians(place_m[:, None], begins)[:, 0]
    # Of differences between neighbours in time, which a steady motion hardly adds to.
    sigma_m = 1.05 * float(np.median(np.abs(np.diff(place_m))))
    of_median_m = 1.25 * sigma_m / np.sqrt(len(place_m) / len(begins))
    return bool(np.ptp(middles) > _STANDING_M + _TREMBLE_SIGMAS * of_median_m)


def _wandered(points: Array, forward: Array) -> float:
    middles = medians(points, piece_begins(len(points), min(_PIECES, len(points))))
    return float(_moved(middles[:, None] - middles[None], forward).max())


def _moved(offset: Array, forward: Array) -> Array:
    """How far offsets (..., 2) in the picture say that a vehicle moved, (...).

    Who stands beside it in the queue may cover a side of its box, which shifts the middle across
    the lane; driving shifts it along.
    """
    along = offset @ forward
    across = offset @ np.array([-forward[1], forward[0]])
    return np.asarray(np.hypot(along, _ACROSS_WEIGHT * across))


def _top_middles(boxes: Array) -> Array:
    return np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 1]])
