"""When a noisy value crossed zero: bounds, and the likeliest moment."""

import numpy as np

from traffic_ai.core.geometry import Array

# Over longer times without a good point the motion in between is not known.
LONGEST_GAP_S = 0.5


def crossing_interval(
    t_s: Array, value: Array, margin: Array, above: Array | None = None
) -> tuple[float, float] | None:
    """Bounds of the last upward crossing of zero by a noisy value (N,) at times (N,).

    The earliest moment is where the value last left -margin, the latest where it reached `above`
    (margin by default) for good; in between noise may decide. Over a gap longer than LONGEST_GAP_S
    nothing is known of the motion: the crossing may be at either end of it. (-inf, ...) if it was
    never clearly below, None if it does not end above zero.
    """
    if len(t_s) < 2 or value[-1] <= 0.0:
        return None
    above = margin if above is None else above
    clearly_above = value > above
    below = np.flatnonzero(~clearly_above)
    latest = float(t_s[0])
    if len(below):
        i = int(below[-1])
        gap = _is_gap(t_s, i)
        latest = float(t_s[i + 1]) if gap else _interpolated(t_s, value - above, i)
    clearly_below = np.flatnonzero(value < -margin)
    if len(clearly_below) == 0:
        return -np.inf, latest
    i = int(clearly_below[-1])
    earliest = float(t_s[i]) if _is_gap(t_s, i) else _interpolated(t_s, value + margin, i)
    return earliest, max(earliest, latest)


def crossing_time(t_s: Array, value: Array) -> float:
    """The last upward crossing of zero, from a straight line through the points around it.

    The line uses points within 0.3 s of the crossing, at least the two on either side.
    """
    below = np.flatnonzero(value <= 0.0)
    i = int(below[-1]) if len(below) else 0
    i = min(i, len(t_s) - 2)
    rough = _interpolated(t_s, value, i)
    near = np.flatnonzero(np.abs(t_s - rough) <= 0.3)
    if len(near) < 4:
        return rough
    slope, level = np.polyfit(t_s[near] - rough, value[near], 1)
    if slope <= 0.0:
        return rough
    return float(np.clip(rough - level / slope, t_s[near[0]], t_s[near[-1]]))


def _is_gap(t_s: Array, i: int) -> bool:
    return i + 1 < len(t_s) and float(t_s[i + 1] - t_s[i]) > LONGEST_GAP_S


def _interpolated(t_s: Array, value: Array, i: int) -> float:
    """Where the value reaches zero between points i (not above) and i + 1."""
    if i + 1 >= len(t_s):
        return float(t_s[-1])
    rise = float(value[i + 1] - value[i])
    share = 1.0 if rise <= 0.0 else float(np.clip(-value[i] / rise, 0.0, 1.0))
    return float(t_s[i] + share * (t_s[i + 1] - t_s[i]))
