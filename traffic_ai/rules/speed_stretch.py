"""Which part of a pass is measured: the fastest steady stretch.

Used by `speed.py`. Standing is left out first. Of what remains, the part around the fastest moment
counts within which the speed falls by less than 15 %, and no less than the least baseline. A
driver who was too fast before is not saved by stopping for a signal; and since a vehicle does
drive its mean speed somewhere in any stretch, no stretch gives more than was driven. A change of
speed must be evident before it shortens the stretch: picking the fastest part of mere noise would
over-read. Last, the far end is left out where that makes the speed more certain: an edge that is
off by a pixel is off by metres there.
"""

from collections.abc import Iterator

import numpy as np

from traffic_ai.core.geometry import Array
from traffic_ai.rules.medians import medians
from traffic_ai.rules.speed_fit import Motion
from traffic_ai.rules.speed_points import Samples

_STEADY_SHARE = 0.85
_STEADY_DOUBT = 0.01
# Standing is below this, or below this share of the vehicle's own fast speed.
_STANDING_MPS = 1.0
_STANDING_SHARE = 0.25
_KNOT_S = 0.5
# How much of the way from the nearest to the farthest point is tried.
_NEARER_SHARES = (0.7, 0.5, 0.35)


def moving(samples: Samples, min_baseline_m: float) -> tuple[float, float]:
    """Bounds in time of the fastest stretch without standing, judged every half second."""
    t_s = samples.t_s
    knot = np.floor((t_s - t_s[0]) / _KNOT_S).astype(int)
    begins = np.concatenate([[0], np.flatnonzero(knot[1:] != knot[:-1]) + 1])
    if len(begins) < 3:
        return float(t_s[0]), float(t_s[-1])
    time = medians(t_s[:, None], begins)[:, 0]
    place = medians(samples.ground_m, begins)
    steps = place[1:] - place[:-1]
    speed = np.sqrt((steps * steps).sum(axis=1)) / (time[1:] - time[:-1])
    if speed.min() > max(_STANDING_MPS, _STANDING_SHARE * speed.max()):
        return float(t_s[0]), float(t_s[-1])
    slow = max(_STANDING_MPS, _STANDING_SHARE * float(np.quantile(speed, 0.9)))
    on_the_move = speed > slow
    if on_the_move.all() or not on_the_move.any():
        return float(t_s[0]), float(t_s[-1])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on_the_move, [False]]).astype(int)))
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]  # intervals [a, b)
    way_m = speed * np.diff(time)

    def merit(run: tuple[int, int]) -> tuple[bool, float]:
        inside = slice(*run)
        return bool(way_m[inside].sum() >= min_baseline_m), float(speed[inside].max())

    first, last = max(runs, key=merit)
    start_s = float(t_s[0]) if first == 0 else float(time[first])
    end_s = float(t_s[-1]) if last == len(speed) else float(time[last])
    return start_s, end_s


def steady(motion: Motion, min_baseline_m: float) -> tuple[float, float] | None:
    """Bounds in time of the fastest steady stretch; None where the whole pass is steady."""
    if motion.steady > _STEADY_DOUBT:
        return None
    time, speed = motion.profile()
    fastest = int(np.argmax(speed))
    if speed.min() >= _STEADY_SHARE * speed[fastest]:
        return None
    share = _STEADY_SHARE
    step_s = float(time[1] - time[0])
    while share > 0.0:
        slow = np.flatnonzero(speed < share * speed[fastest])
        first = int(slow[slow < fastest].max(initial=-1)) + 1
        last = int(slow[slow > fastest].min(initial=len(speed))) - 1
        if speed[first:last].sum() * step_s >= 1.2 * min_baseline_m:
            return float(time[first]), float(time[last])
        share -= 0.05
    return None


def nearer(samples: Samples, foot_m: Array) -> Iterator[tuple[float, float]]:
    """Bounds in time of the part near the camera's foot (2,), ever shorter."""
    away_m = np.linalg.norm(samples.ground_m - foot_m, axis=1)
    nearest, farthest = float(away_m.min()), float(away_m.max())
    for share in _NEARER_SHARES:
        near = samples.t_s[away_m <= nearest + share * (farthest - nearest)]
        yield float(near[0]), float(near[-1])
