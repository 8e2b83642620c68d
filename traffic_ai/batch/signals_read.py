"""How much of a recording each signal was read in.

Where a signal is not known nothing is judged by it, so a lamp's box drawn beside its head gives
what a street without violations gives. People are told.
"""

from collections.abc import Mapping

from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory

_MOST_SHARE = 0.5
_LEAST_S = 3.0  # shorter recordings may end before a signal is told for sure


class SignalsRead:
    """The time for which each group that a stop line obeys showed something."""

    def __init__(self, scene: Scene) -> None:
        obeyed = (line.signal_group_id for line in scene.stop_lines)
        self._read_s = {group: 0.0 for group in obeyed if group is not None}
        self._watched_s = 0.0
        self._last_s: float | None = None

    def seen(self, t_s: float, signals: Mapping[str, SignalHistory]) -> None:
        """Count what the signals, as known at a frame, show since the frame before.

        None are known while the camera looks elsewhere: that time does not count.
        """
        if not signals:
            self._last_s = None
            return
        step_s = 0.0 if self._last_s is None else t_s - self._last_s
        self._last_s = t_s
        self._watched_s += step_s
        for group in self._read_s:
            history = signals.get(group)
            if history is not None and history.shows_at(t_s):
                self._read_s[group] += step_s

    def notes(self) -> list[str]:
        """Which signals showed nothing for more than half the time, for people."""
        if self._watched_s < _LEAST_S:
            return []
        unread = {group: 1.0 - read / self._watched_s for group, read in self._read_s.items()}
        return [
            f"signal {group} was unreadable or dark for {share:.0%} of the time, when nothing is "
            "judged by it; look at its lamps with `traffic-ai preview`, or at its log's times"
            for group, share in unread.items()
            if share > _MOST_SHARE
        ]
