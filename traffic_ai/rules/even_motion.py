"""A stretch of one vehicle's way along its lane, and whether it was driven evenly.

Used by the wrong-way rule. A vehicle drives its way bit by bit; a track that passes from one
standing vehicle to the next makes it at once, between boxes that only tremble. Both look alike by
their ends, the noisiest of which are picked by chance.
"""

from dataclasses import dataclass

import numpy as np

from traffic_ai.core.geometry import Array

_ONSET_SIGMAS = 1.0
_FIT_ORDER = 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """Times t_s (N,), progress along the lane (N,) and its stated noise (N,), metres or pixels."""

    t_s: Array
    progress: Array
    sigma: Array

    def __len__(self) -> int:
        return len(self.t_s)

    def since_onset(self) -> "Stretch":
        """From the last point that noise alone may hold off the farthest one reached.

        Taken from the farthest point itself, the way would begin at the worst box of all the time
        a vehicle stood.
        """
        farthest = float(self.progress.max())
        onset = int(np.flatnonzero(self.progress >= farthest - _ONSET_SIGMAS * self.sigma)[-1])
        return Stretch(self.t_s[onset:], self.progress[onset:], self.sigma[onset:])

    @property
    def against(self) -> float:
        """Net way against the direction of travel."""
        return float(self.progress[0] - self.progress[-1])

    @property
    def duration_s(self) -> float:
        """Seconds from the first point to the last."""
        return float(self.t_s[-1] - self.t_s[0])

    @property
    def against_sigma(self) -> float:
        """Standard uncertainty of `against`: the noise stated, or what even motion leaves."""
        ends = np.maximum(self.sigma[[0, -1]], self.residual)
        return float(np.hypot(*ends))

    @property
    def residual(self) -> float:
        """Standard deviation of the points about a motion of even acceleration."""
        time = self.t_s - self.t_s[0]
        order = min(_FIT_ORDER, len(self) - 2)
        miss = self.progress - np.polyval(np.polyfit(time, self.progress, order), time)
        return float(np.sqrt((miss**2).sum() / max(len(self) - order - 1, 1)))

    @property
    def share_against(self) -> float:
        """Of the way driven either way, beyond what noise makes, the share that leads against."""
        steps = np.diff(self.progress)
        way = float(np.abs(steps).sum())
        backward = float(-steps[steps < 0.0].sum())
        noise_way = float(np.mean(self.sigma)) * len(steps)
        return backward / max(way - min(noise_way, way - backward), 1e-9)

    @property
    def share_of_longest_step(self) -> float:
        """The longest single step against the direction, as a share of the way."""
        return float(-np.diff(self.progress).min()) / max(self.against, 1e-9)

    @property
    def share_of_fastest_third(self) -> float:
        """The most of the way made in a third of the time: 1/3 if even, 5/9 from standing."""
        third_s = self.duration_s / 3.0
        start_s = self.t_s[self.t_s <= self.t_s[-1] - third_s + 1e-9]
        later = np.interp(start_s + third_s, self.t_s, self.progress)
        return float((self.progress[: len(start_s)] - later).max()) / max(self.against, 1e-9)
