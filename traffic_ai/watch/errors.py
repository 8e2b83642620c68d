"""Where one camera's errors end, so that they stay its own: told, counted, and waited out."""

import logging
import math

from traffic_ai.core.errors import TrafficAiError

_log = logging.getLogger(__name__)
_REST_S = 1.0
"""Left alone for so long after an error: one in every picture would take the others' time."""


class CameraErrors:
    """The errors of one camera's analysis.

    count: of all so far. trouble: the last one in words, "" once the analysis works again.
    """

    def __init__(self, camera_id: str) -> None:
        self._camera_id = camera_id
        self._told = ""
        self._rests_until_s = -math.inf
        self.count = 0
        self.trouble = ""

    def take(self, error: Exception, now_s: float) -> None:
        """Tell of an error, with its traceback where it is none that was foreseen.

        The same one is told once, not with each picture. now_s: as given to `rests`.
        """
        self.count += 1
        self._rests_until_s = now_s + _REST_S
        foreseen = isinstance(error, TrafficAiError)
        self.trouble = str(error) if foreseen else f"internal error {type(error).__name__}: {error}"
        if self.trouble != self._told:
            self._told = self.trouble
            trace = None if foreseen else error
            _log.error("camera %s: %s", self._camera_id, self.trouble, exc_info=trace)

    def rests(self, now_s: float) -> bool:
        """Whether the camera is to be left alone just now."""
        return now_s < self._rests_until_s

    def over(self) -> None:
        """The analysis works."""
        self.trouble = ""
