"""Spans of time in which something is so of a vehicle, their ends found by bisection.

`events` looks at close moments first; between the last of them where something is so and the next
where it is not, the very end is looked for.
"""

from collections.abc import Callable, Sequence

import numpy as np

from traffic_ai.simulate.arrays import Bools, Floats, Ints
from traffic_ai.simulate.world import Course, Poses

ROOT_S = 1e-9

Condition = Callable[[Floats, Poses], Bools]
"""Whether something is so at moments (N,) with their poses."""


def spans_s(
    course: Course, t_s: Floats, poses: Poses, is_so: Condition
) -> Sequence[tuple[float, float]]:
    """First and last moment of every time in which something is so, within moments (T,).

    poses: at those moments. What is so for less than a step between them may be overlooked.
    """
    runs = _runs(is_so(t_s, poses))
    if len(runs) == 0:
        return []
    first, last = runs[:, 0], runs[:, 1] - 1
    within = np.concatenate([t_s[first], t_s[last]])
    without = np.concatenate(
        [t_s[np.maximum(first - 1, 0)], t_s[np.minimum(last + 1, len(t_s) - 1)]]
    )
    while np.abs(within - without).max() > ROOT_S:
        middle = (within + without) / 2
        so = is_so(middle, course.poses(middle))
        within, without = np.where(so, middle, within), np.where(so, without, middle)
    starts, ends = np.split(within, 2)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _runs(flags: Bools) -> Ints:
    """First and end (R, 2) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges.reshape(-1, 2)


def moments_s(t_s: Floats, from_s: float, until_s: float) -> Floats:
    """Both ends of a span, and the moments (T,) in between."""
    inner = t_s[(t_s > from_s) & (t_s < until_s)]
    return np.concatenate([[from_s], inner, [until_s]])
