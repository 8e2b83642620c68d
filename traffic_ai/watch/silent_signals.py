"""Signals of a camera that show nothing for long: nothing is judged by them, and nobody would know.

A mast that was turned, a lens that fogs, or a head that was rebuilt looks like a street without
violations.
"""

import logging
from collections.abc import Mapping

from traffic_ai.core.scene import Scene
from traffic_ai.core.signal import SignalHistory

_log = logging.getLogger(__name__)
_LONG_S = 600.0
_STEP_S = 1.0
"""Between two pictures no more than this counts: while none comes nothing is read, rightly."""


class SilentSignals:
    """The signals that stop lines obey. trouble: which show nothing, in words, "" if all do."""

    def __init__(self, camera_id: str) -> None:
        self._camera_id = camera_id
        self._silent_s: dict[str, float] = {}
        self._last_s: float | None = None
        self.trouble = ""

    def see(self, scene: Scene, signals: Mapping[str, SignalHistory], t_s: float) -> None:
        """Take in what the signals show at a picture. t_s: presentation time."""
        step_s = 0.0 if self._last_s is None else min(max(t_s - self._last_s, 0.0), _STEP_S)
        self._last_s = t_s
        obeyed = {line.signal_group_id for line in scene.stop_lines} - {None}
        self._silent_s = {
            group: 0.0 if history.shows_at(t_s) else self._silent_s.get(group, 0.0) + step_s
            for group, history in signals.items()
            if group in obeyed
        }
        self._tell([group for group, s in self._silent_s.items() if s >= _LONG_S])

    def _tell(self, silent: list[str]) -> None:
        trouble = ""
        if silent:
            trouble = (
                f"signal {', '.join(silent)} unreadable or dark for {_LONG_S / 60.0:.0f} minutes, "
                "so nothing is judged by it; look at its lamps with `traffic-ai preview`"
            )
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble:
            _log.warning("camera %s: %s", self._camera_id, trouble)
        else:
            _log.info("camera %s: its signals are read again", self._camera_id)
