"""Frames that come all at once after a stall: handed over one by one, so that none is skipped.

Runs in the camera's reader process. What happened during the stall is then decided as if there
had been none; the price is a lag of the stall's length, worked off as quickly as the analysis is.
"""

_STALL_S = 1.0
_OVER_S = 0.3
_WORSE_S = 0.5
"""Where the lag grows by so much the analysis is slower than the stream, and frames are skipped."""


class Burst:
    """Tells, frame by frame, whether it comes late because of a stall before it."""

    def __init__(self) -> None:
        self._previous: tuple[float, float] | None = None
        self._behind_s = self._most_s = 0.0

    def has(self, t_s: float, arrival_s: float) -> bool:
        """Take a frame's stamp and arrival (monotonic); whether the frame is one of a burst."""
        if self._previous is not None:
            later_s = (arrival_s - self._previous[1]) - (t_s - self._previous[0])
            if self._most_s:
                self._behind_s += later_s
            elif later_s >= _STALL_S:
                self._behind_s, self._most_s = later_s, later_s + _WORSE_S
            if not _OVER_S < self._behind_s <= self._most_s:
                self._behind_s = self._most_s = 0.0
        self._previous = (t_s, arrival_s)
        return self._most_s > 0.0
