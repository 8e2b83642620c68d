"""Whether a stretch of a track is one vehicle's motion, or passes from one vehicle to another.

In dense traffic a track that loses its vehicle may go on with a neighbour. What gives it away is a
step that the motion before it does not explain, and that lasts: one odd box among good ones is the
detector's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic_ai.core.geometry import Array
from traffic_ai.core.track import Track
from traffic_ai.rules.upper_edge import edge_sigma_px

# Motion before a step is taken from this long a time.
_BEFORE_S = 0.6
# Hardest acceleration, in heights of the vehicle's box: a car of 1.5 m then makes 6 m/s^2.
_ACCELERATION_HEIGHTS_PS2 = 4.0
# Seen from ahead a vehicle speeds up in the picture as it comes nearer.
_PERSPECTIVE = 1.6
_NOISE_SIGMAS = 3.0
# A step lasts that is there from each of the points of so long a time before it to each of so long
# after it, of at least so many; a change of size likewise.
_STEP_LASTS_S, _STEP_POINTS = 0.08, 2
_SIZE_LASTS_S, _SIZE_POINTS = 0.21, 4
# A change of size by this factor lasts if it does over some boxes: of two-wheelers the
# detector gives now the whole and now the rider. Over a longer time a vehicle may have come nearer.
_SIZE_JUMP = 1.6
_AT_ONCE_S, _NEARER_PS = 0.4, 1.0
# The motion on the road before and after a stretch in which no point shows the road: from points of
# so long a time, at least so many. Nobody brakes or speeds up harder.
_MOTION_S, _MOTION_POINTS = 0.35, 3
_HARDEST_MPS2 = 10.0


def largest_leap(track: Track, start_s: float, end_s: float) -> float:
    """The largest lasting step between observed points in [start_s, end_s], as a multiple of what
    the motion before it allows; above 1 it is not one vehicle's.

    A lasting change of the box's size by more than a factor counts too.
    """
    path = _Path.of(track, start_s - _BEFORE_S, end_s)
    counted = [i for i in range(2, len(path.t_s)) if path.t_s[i] >= start_s]
    step = max((path.lasting_step(i) for i in counted), default=0.0)
    return max(step, _farthest_off(track, start_s, end_s))


def seen_share(track: Track, start_s: float, end_s: float) -> float:
    """In which share of the track's points in [start_s, end_s] the vehicle was observed.

    A track that catches a box now and then may catch those of several vehicles, or of a part.
    """
    inside = (track.t_s >= start_s) & (track.t_s <= end_s)
    return float(np.mean(track.observed[inside])) if inside.any() else 0.0


def longest_gap_s(track: Track, start_s: float, end_s: float) -> float:
    """The longest time in [start_s, end_s] in which the vehicle was not observed, seconds."""
    seen = track.t_s[track.observed]
    inside = seen[(seen >= start_s) & (seen <= end_s)]
    return float(np.diff(np.concatenate([[start_s], inside, [end_s]])).max())


def _farthest_off(track: Track, start_s: float, end_s: float) -> float:
    """How far off its way on the road a track goes on after a stretch, ending in [start_s, end_s],
    in which its lower edge was covered; as a multiple of what braking or speeding up allows.
    """
    shown = np.flatnonzero(track.grounded & ~np.isnan(track.ground_m[:, 0]))
    after = 1 + np.flatnonzero(np.diff(shown) > 1)
    again_s = track.t_s[shown[after]]
    after = after[(again_s >= start_s) & (again_s <= end_s)]
    return max((_off(track, shown[:i], shown[i:]) for i in after), default=0.0)


def _off(track: Track, before: NDArray[np.intp], after: NDArray[np.intp]) -> float:
    """How far off each other the motions before and after a stretch lead to in its middle, against
    what is allowed: in T seconds no more than a T^2 / 4, a being the hardest acceleration.
    """
    from_s, to_s = float(track.t_s[before[-1]]), float(track.t_s[after[0]])
    before = before[track.t_s[before] >= from_s - _MOTION_S]
    after = after[track.t_s[after] <= to_s + _MOTION_S]
    if min(len(before), len(after)) < _MOTION_POINTS:
        return 0.0
    middle_s = (from_s + to_s) / 2.0
    here_m, here_sigma_m = _place_at(track, before, middle_s)
    there_m, there_sigma_m = _place_at(track, after, middle_s)
    noise_m = _NOISE_SIGMAS * float(np.hypot(here_sigma_m, there_sigma_m))
    allowed_m = _HARDEST_MPS2 * (to_s - from_s) ** 2 / 4.0 + noise_m
    return float(np.linalg.norm(there_m - here_m)) / allowed_m


def _place_at(track: Track, points: NDArray[np.intp], t_s: float) -> tuple[Array, float]:
    """Where on the road (2,) a straight line through points leads to at a moment, and its standard
    deviation, were all their errors the same or opposite.
    """
    design = np.column_stack([np.ones(len(points)), track.t_s[points] - t_s])
    weights = np.linalg.pinv(design)[0]
    sigma_m = np.sqrt(np.trace(track.ground_cov_m2[points], axis1=1, axis2=2))
    return weights @ track.ground_m[points], float(np.abs(weights) @ sigma_m)


@dataclass(frozen=True, slots=True)
class _Path:
    """The observed points of a stretch: times (N,), box edges (N, 2), heights, log sizes (N, 2),
    how much these change from each to the next (N - 1,), noise, grounded.
    """

    t_s: Array
    bottom_px: Array
    top_px: Array
    height_px: Array
    log_size: Array
    size_step: Array
    noise_px: Array
    grounded: NDArray[np.bool_]

    @classmethod
    def of(cls, track: Track, start_s: float, end_s: float) -> "_Path":
        seen = np.flatnonzero(track.observed & (track.t_s >= start_s) & (track.t_s <= end_s))
        boxes = track.xyxy_px[seen]
        middle = (boxes[:, 0] + boxes[:, 2]) / 2.0
        log_size = np.log(np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0))
        return cls(
            track.t_s[seen],
            np.column_stack([middle, boxes[:, 3]]),
            np.column_stack([middle, boxes[:, 1]]),
            np.maximum(boxes[:, 3] - boxes[:, 1], 1.0),
            log_size,
            _change(np.diff(log_size, axis=0)),
            _NOISE_SIGMAS * np.sqrt(2.0) * edge_sigma_px(boxes),
            track.grounded[seen],
        )

    def lasting_step(self, i: int) -> float:
        """The step to point i, the smallest of those from the points before to those after it."""
        before, after = _sides(self.t_s, i, _STEP_LASTS_S, _STEP_POINTS)
        before = before[before >= 1]  # up to the first point no motion is known
        moved = min(self._step(b, a) for b in before for a in after)
        return max(moved, self._lasting_size_change(i))

    def _lasting_size_change(self, i: int) -> float:
        """The change of size at point i from the last boxes that nothing covers to the next ones,
        or the largest step on the way where that is less; the smallest, against what is allowed.
        """
        shown = np.flatnonzero(self.grounded)
        at = int(np.searchsorted(shown, i))
        if not self.grounded[i] or at < 2:
            return 0.0
        sides = _sides(self.t_s[shown], at, _SIZE_LASTS_S, _SIZE_POINTS)
        before, after = (shown[side] for side in sides)
        lasted_s = float(self.t_s[before[-1]] - self.t_s[before[0]])
        if len(before) < _SIZE_POINTS and lasted_s < _SIZE_LASTS_S:
            return 0.0  # nor did the size before it last
        more_s = max(float(self.t_s[i] - self.t_s[before[-1]]) - _AT_ONCE_S, 0.0)
        jump = float(np.log(_SIZE_JUMP))
        whole = _change(self.log_size[after] - self.log_size[before][:, None])
        # The largest on the way from one to the other: up to the point before this one, and on.
        steps = self.size_step[before[0] : after[-1]]
        to_here = np.append(steps[: i - 1 - before[0]], 0.0)
        until = np.maximum.accumulate(to_here[::-1])[::-1][before - before[0]]
        onward = np.maximum.accumulate(steps[i - 1 - before[0] :])[after - i]
        at_once = np.maximum(until[:, None], onward)
        return float(np.minimum(whole / (jump + _NEARER_PS * more_s), at_once / jump).min())

    def _step(self, b: int, a: int) -> float:
        """The way from point b to a later point a, against what the motion up to b allows."""
        first = min(int(np.searchsorted(self.t_s, self.t_s[b] - _BEFORE_S)), b - 1)
        # A nearer vehicle that covers the bottom edge moves it; the top edge stays. That of a
        # two-wheeler is the rider's at one time and the handlebar's at another.
        whole = bool(self.grounded[first : a + 1].all())
        edges = [self.bottom_px] if whole else [self.top_px, self.bottom_px]
        return min(self._edge_step(edge, first, b, a) for edge in edges)

    def _edge_step(self, edge: Array, first: int, b: int, a: int) -> float:
        """The same for one edge of the box, with the motion from point `first` to b."""
        span_s = float(self.t_s[b] - self.t_s[first])
        step_s = float(self.t_s[a] - self.t_s[b])
        speed = float(np.linalg.norm(edge[b] - edge[first])) / span_s
        allowed = (
            _PERSPECTIVE * speed * step_s
            + _ACCELERATION_HEIGHTS_PS2 * self.height_px[b] * (span_s / 2.0 + step_s) * step_s
            + self.noise_px[a]
        )
        return float(np.linalg.norm(edge[a] - edge[b])) / float(allowed)


def _sides(
    t_s: Array, i: int, lasts_s: float, points: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The points before point i and those from it on that the time `lasts_s` holds on either side;
    at least so many where there are as many.
    """
    first = min(int(np.searchsorted(t_s, t_s[i - 1] - lasts_s)), i - points)
    last = max(int(np.searchsorted(t_s, t_s[i] + lasts_s, side="right")), i + points)
    return np.arange(max(first, 0), i), np.arange(i, min(last, len(t_s)))


def _change(log_factors: Array) -> Array:
    """How great changes of size (...) are, by the logarithms of their factors (..., 2)."""
    wider, higher = log_factors[..., 0], log_factors[..., 1]
    return np.asarray(np.maximum(np.abs(higher), np.abs(wider + higher) / 2.0))
