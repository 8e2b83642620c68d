"""The part of a track in which the box keeps the size of one vehicle, for its speed.

Used by `speed.py`. What the detector does not know, such as a hedge, may cover a vehicle's lower
edge, and a track may pass to a neighbour. Either way the box becomes another at once and stays so,
and the points before and after are not one motion of one point.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array

# A step of the box's size by this factor, between the medians of so many points on either side.
_STEP = float(np.log(1.2))
_REACH = 5
# A run of this share of the points, and no fewer than the reach, tells the vehicle's own height.
_SHARE = 0.2
# Medians of trembling boxes differ by chance: this many standard deviations of a single box.
_NOISE_SIGMAS = 4.0


def whole_of_one_size(boxes: Array, m_per_px: Array) -> NDArray[np.bool_]:
    """Mask (n,) of the longest run of whole boxes (n, 4), in time order, between lasting steps.

    What covers a vehicle only takes from its height, so a run lower than another is no whole one.
    m_per_px (n,): metres a pixel across the picture where each box stands.
    """
    n = len(boxes)
    log_sizes = np.log(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0) * m_per_px[:, None])
    runs = _runs(_excess(log_sizes))
    heights = [float(np.median(log_sizes[a:b, 1])) for a, b in runs] if n else []
    long_enough = [b - a >= max(_REACH, _SHARE * n) for a, b in runs]
    tallest = max((h for h, enough in zip(heights, long_enough, strict=True) if enough), default=0)
    whole = [run for run, h in zip(runs, heights, strict=True) if h >= tallest - _STEP]
    first, last = max(whole or runs, key=lambda run: run[1] - run[0])
    kept = np.zeros(n, bool)
    kept[first:last] = True
    return kept


def _runs(excess: Array) -> list[tuple[int, int]]:
    """The runs [a, b) between the steps, each at its greatest excess."""
    cuts = [0, len(excess)]
    rest = excess.copy()
    while rest.size and float(rest.max()) > 0.0:
        cut = int(np.argmax(rest))
        cuts.append(cut)
        rest[max(0, cut - _REACH) : cut + _REACH + 1] = 0.0
    return list(pairwise(sorted(cuts)))


def _excess(log_sizes: Array) -> Array:
    """By how much the step before each point (n,) exceeds what noise and a steady change allow."""
    n = len(log_sizes)
    excess = np.zeros(n)
    if n < 2 * _REACH:
        return excess
    noise = 1.05 * np.median(np.abs(np.diff(log_sizes, axis=0)), axis=0)
    allowed = np.maximum(_STEP, _NOISE_SIGMAS * noise)
    windows = np.lib.stride_tricks.sliding_window_view(log_sizes, _REACH, axis=0)
    level = np.median(windows, axis=2)
    # A box that turns with its vehicle changes all the time.
    turning = np.abs(windows[..., -2:].mean(axis=2) - windows[..., :2].mean(axis=2))
    before, after = slice(None, -_REACH), slice(_REACH, None)
    step = np.abs(level[after] - level[before])
    room = allowed + 2.0 * np.maximum(turning[before], turning[after])
    excess[_REACH : n - _REACH + 1] = (step - room).max(axis=1)
    return excess
