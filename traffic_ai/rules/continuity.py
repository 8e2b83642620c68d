"""Whether a stretch of a track is one vehicle's motion, or passes from one vehicle to another.

In dense traffic a track that loses its vehicle may go on with a neighbour. What gives it away is a
step that the motion before it does not explain.
"""

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track
from traffic_ai.rules.passage import edge_sigma_px

# Motion before a step is taken from this long a time.
_BEFORE_S = 0.6
# Hardest acceleration, in heights of the vehicle's box: a car of 1.5 m then makes 6 m/s^2.
_ACCELERATION_HEIGHTS_PS2 = 4.0
# Seen from ahead a vehicle speeds up in the picture as it comes nearer.
_PERSPECTIVE = 1.6
_NOISE_SIGMAS = 3.0
_SIZE_JUMP = 1.6


def largest_leap(track: Track, start_s: float, end_s: float) -> float:
    """The largest step between observed points in [start_s, end_s], as a multiple of what the
    motion before it allows; above 1 it is not one vehicle's.

    A box that changes its height by more than a factor between two grounded points counts too.
    """
    seen = np.flatnonzero(track.observed & (track.t_s >= start_s - _BEFORE_S))
    seen = seen[track.t_s[seen] <= end_s]
    if len(seen) < 3:
        return 0.0
    t_s, boxes, grounded = track.t_s[seen], track.xyxy_px[seen], track.grounded[seen]
    # A nearer vehicle that covers the bottom edge moves it; the top edge stays.
    bottoms, tops = track.anchor_px[seen], _tops(boxes)
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    noise = _NOISE_SIGMAS * np.sqrt(2.0) * edge_sigma_px(boxes)
    worst = 0.0
    for i in range(2, len(seen)):
        if t_s[i] < start_s:
            continue
        first = int(np.searchsorted(t_s, t_s[i - 1] - _BEFORE_S))
        first = min(first, i - 2)
        span_s = float(t_s[i - 1] - t_s[first])
        step_s = float(t_s[i] - t_s[i - 1])
        edges = bottoms if grounded[first : i + 1].all() else tops
        before = float(np.linalg.norm(edges[i - 1] - edges[first])) / span_s
        allowed = (
            _PERSPECTIVE * before * step_s
            + _ACCELERATION_HEIGHTS_PS2 * heights[i - 1] * (span_s / 2.0 + step_s) * step_s
            + noise[i]
        )
        step = float(np.linalg.norm(edges[i] - edges[i - 1]))
        worst = max(worst, step / float(allowed))
        if grounded[i] and grounded[i - 1]:
            change = abs(float(np.log(heights[i] / heights[i - 1])))
            worst = max(worst, change / float(np.log(_SIZE_JUMP)))
    return worst


def _tops(boxes: Array) -> Array:
    return np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 1]])


def longest_gap_s(track: Track, start_s: float, end_s: float) -> float:
    """The longest time in [start_s, end_s] in which the vehicle was not observed, seconds."""
    seen = track.t_s[track.observed]
    inside = seen[(seen >= start_s) & (seen <= end_s)]
    return float(np.diff(np.concatenate([[start_s], inside, [end_s]])).max())
