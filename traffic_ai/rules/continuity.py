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
_SIZE_JUMP = 1.6


def largest_leap(track: Track, start_s: float, end_s: float) -> float:
    """The largest lasting step between observed points in [start_s, end_s], as a multiple of what
    the motion before it allows; above 1 it is not one vehicle's.

    A lasting change of the box's height by more than a factor counts too.
    """
    path = _Path.of(track, start_s - _BEFORE_S, end_s)
    counted = [i for i in range(2, len(path.t_s)) if path.t_s[i] >= start_s]
    return max((path.lasting_step(i) for i in counted), default=0.0)


def longest_gap_s(track: Track, start_s: float, end_s: float) -> float:
    """The longest time in [start_s, end_s] in which the vehicle was not observed, seconds."""
    seen = track.t_s[track.observed]
    inside = seen[(seen >= start_s) & (seen <= end_s)]
    return float(np.diff(np.concatenate([[start_s], inside, [end_s]])).max())


@dataclass(frozen=True, slots=True)
class _Path:
    """The observed points of a stretch: times (N,), box edges (N, 2), heights, noise, grounded."""

    t_s: Array
    bottom_px: Array
    top_px: Array
    height_px: Array
    noise_px: Array
    grounded: NDArray[np.bool_]

    @classmethod
    def of(cls, track: Track, start_s: float, end_s: float) -> "_Path":
        seen = np.flatnonzero(track.observed & (track.t_s >= start_s) & (track.t_s <= end_s))
        boxes = track.xyxy_px[seen]
        middle = (boxes[:, 0] + boxes[:, 2]) / 2.0
        return cls(
            track.t_s[seen],
            np.column_stack([middle, boxes[:, 3]]),
            np.column_stack([middle, boxes[:, 1]]),
            np.maximum(boxes[:, 3] - boxes[:, 1], 1.0),
            _NOISE_SIGMAS * np.sqrt(2.0) * edge_sigma_px(boxes),
            track.grounded[seen],
        )

    def lasting_step(self, i: int) -> float:
        """The step to point i, the smallest of those from the last two points to the next two."""
        before = [b for b in (i - 1, i - 2) if b >= 1]
        after = [a for a in (i, i + 1) if a < len(self.t_s)]
        pairs = [(b, a) for b in before for a in after]
        moved = min(self._step(b, a) for b, a in pairs)
        both = [(b, a) for b, a in pairs if self.grounded[b] and self.grounded[a]]
        if len(both) < len(pairs):
            return moved
        return max(moved, min(self._size_change(b, a) for b, a in both))

    def _step(self, b: int, a: int) -> float:
        """The way from point b to a later point a, against what the motion up to b allows."""
        first = min(int(np.searchsorted(self.t_s, self.t_s[b] - _BEFORE_S)), b - 1)
        # A nearer vehicle that covers the bottom edge moves it; the top edge stays.
        whole = bool(self.grounded[first : a + 1].all())
        edge = self.bottom_px if whole else self.top_px
        span_s = float(self.t_s[b] - self.t_s[first])
        step_s = float(self.t_s[a] - self.t_s[b])
        speed = float(np.linalg.norm(edge[b] - edge[first])) / span_s
        allowed = (
            _PERSPECTIVE * speed * step_s
            + _ACCELERATION_HEIGHTS_PS2 * self.height_px[b] * (span_s / 2.0 + step_s) * step_s
            + self.noise_px[a]
        )
        return float(np.linalg.norm(edge[a] - edge[b])) / float(allowed)

    def _size_change(self, b: int, a: int) -> float:
        change = abs(float(np.log(self.height_px[a] / self.height_px[b])))
        return change / float(np.log(_SIZE_JUMP))
