"""UTC of the host that a step of its clock does not carry away.

The wall clock is held beside the monotonic one. Both are slewed alike, so that their difference
changes only where the wall clock was set: by NTP, by hand, or by a clock chip in local time.
"""

import ctypes
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from traffic_ai.sources.clock import Clock

_log = logging.getLogger(__name__)
FOLLOWED_S = 60.0
"""A step of no more is a correction, and is followed at once."""
_TIME_ERROR = 5
_TIMEX_BYTES = 512  # more than any kernel's struct timex


@dataclass(frozen=True, slots=True)
class HostMoment:
    """The host's wall-clock time. step_s: how far the clock was set away from it, where nothing
    tells yet which of the two is right; else 0.
    """

    utc: datetime
    step_s: float = 0.0


class HostTime:
    """Tells the host's time; a long step is followed once the kernel calls its clock synchronised.

    trusted_s: UTC less monotonic time, as it was before; None takes the clock as it is now.
    """

    def __init__(
        self,
        clock: Clock,
        trusted_s: float | None = None,
        is_synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._is_synchronised = is_synchronised or kernel_is_synchronised
        self._trusted_s = self._offset_s() if trusted_s is None else trusted_s
        self._told_s = 0.0

    @property
    def trusted_s(self) -> float:
        """UTC less monotonic time, for a HostTime of another process of this host."""
        self._look()
        return self._trusted_s

    def now(self) -> HostMoment:
        """The present moment."""
        step_s = self._look()
        seconds = self._clock.monotonic_s() + self._trusted_s
        return HostMoment(datetime.fromtimestamp(seconds, UTC), step_s)

    def _offset_s(self) -> float:
        return self._clock.utc().timestamp() - self._clock.monotonic_s()

    def _look(self) -> float:
        """The step that is not followed, 0 where there is none."""
        offset_s = self._offset_s()
        step_s = offset_s - self._trusted_s
        if abs(step_s) <= FOLLOWED_S or self._is_synchronised():
            self._tell(step_s, "and is synchronised: it is followed")
            self._trusted_s, self._told_s = offset_s, 0.0
            return 0.0
        if abs(step_s - self._told_s) > FOLLOWED_S:
            self._tell(step_s, "and is not followed until it is synchronised (NTP)")
            self._told_s = step_s
        return step_s

    @staticmethod
    def _tell(step_s: float, what: str) -> None:
        if abs(step_s) > FOLLOWED_S:
            _log.warning("the host's clock was set by %+.0f s %s", step_s, what)


def kernel_is_synchronised() -> bool:
    """Whether the kernel says that something disciplines its clock; adjtimex(2), only read.

    Setting the clock by hand takes that word back until NTP gives it anew.
    """
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return 0 <= int(answer) < _TIME_ERROR
