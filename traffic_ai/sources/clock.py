"""The host's clocks as the live sources use them; a test gives its own."""

import random
import threading
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

_GROWTH = 1.5


class Clock(Protocol):
    """Time for a camera and its reader."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; the same in every process of the host."""
        ...

    def utc(self) -> datetime:
        """The host's wall clock."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> None:
        """Wait until the event is set or the time is over."""
        ...


class SystemClock:
    """The host's clocks."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; the same in every process of the host."""
        return monotonic()

    def utc(self) -> datetime:
        """The host's wall clock."""
        return datetime.now(UTC)

    def wait(self, event: threading.Event, timeout_s: float) -> None:
        """Wait until the event is set or the time is over."""
        event.wait(timeout_s)


class Backoff:
    """How long to wait before the next attempt: half as long again each time, 1 to 30 s, jittered.

    A camera back after some seconds is then found within as many. Jitter keeps the cameras of a
    site from coming back all at once. A refused password is tried from 30 to 300 s, since cameras
    lock users out.
    """

    def __init__(self, rng: random.Random, least_s: float = 1.0, most_s: float = 30.0) -> None:
        self._rng = rng
        self._range_s = (least_s, most_s)
        self._failures = 0

    def next_s(self, *, refused: bool = False) -> float:
        """The next waiting time after a failure; `refused`: the user or password was."""
        least_s, most_s = (30.0, 300.0) if refused else self._range_s
        base_s = min(most_s, least_s * _GROWTH ** min(self._failures, 20))
        self._failures += 1
        return max(least_s, base_s * self._rng.uniform(0.5, 1.0))

    def reset(self) -> None:
        """The camera delivered; the next failure is a first one."""
        self._failures = 0
