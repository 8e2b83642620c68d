"""Live cameras: a thread reads each stream, the newest frame is there for whoever asks.

A source of frames that drops rather than waits: the reader keeps up with the camera whatever the
analysis does, so a frame is never older than the stream.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic
from typing import Protocol

from traffic_ai.core.errors import (
    SourceError,
    SourceLostError,
    SourceNotFoundError,
    SourceUnauthorizedError,
)
from traffic_ai.core.frame import Frame
from traffic_ai.sources.connection import Connection, SourceStalledError, check_url, connect
from traffic_ai.sources.redact import redact
from traffic_ai.sources.session import LivePicture, LiveSession, SessionReader

__all__ = ["CameraState", "Clock", "LiveCamera", "LiveFrame", "LiveSession", "LiveStatus"]

_log = logging.getLogger(__name__)
_RATE_WINDOW_S = 5.0
_STOP_WAIT_S = 2.0


class CameraState(StrEnum):
    """How a camera stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A frame and the session it belongs to; `t_s` starts anew with each session."""

    frame: Frame
    session: LiveSession


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A camera at a glance; nothing in it holds credentials.

    frames_skipped: received while an earlier one waited, so never handed out. frames_dropped:
    without a usable time stamp. reconnects: sessions after the first. received_fps: over the last
    5 s. last_frame_age_s: None before the first frame. lag_s: how much later than the best of the
    last minute the newest frame came.
    """

    state: CameraState
    detail: str
    frames_received: int
    frames_skipped: int
    frames_dropped: int
    reconnects: int
    received_fps: float
    last_frame_age_s: float | None
    lag_s: float


class Clock(Protocol):
    """Time for a camera; a test gives its own."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
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
        """Seconds that never go back."""
        return monotonic()

    def utc(self) -> datetime:
        """The host's wall clock."""
        return datetime.now(UTC)

    def wait(self, event: threading.Event, timeout_s: float) -> None:
        """Wait until the event is set or the time is over."""
        event.wait(timeout_s)


class Backoff:
    """How long to wait before the next attempt: doubling from 1 to 30 s, jittered.

    Jitter keeps the cameras of a site from coming back all at once. A refused password is tried
    from 30 to 300 s, since cameras lock users out.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0

    def next_s(self, state: CameraState) -> float:
        """The next waiting time after a failure."""
        least_s, most_s = (30.0, 300.0) if state is CameraState.UNAUTHORIZED else (1.0, 30.0)
        base_s = min(most_s, least_s * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return max(least_s, base_s * self._rng.uniform(0.5, 1.0))

    def reset(self) -> None:
        """The camera delivered; the next failure is a first one."""
        self._failures = 0


class LiveCamera:
    """One camera's stream, read by a thread of its own, with reconnects.

    `start` is called once; `latest` by one thread, `status` by any. After `stop`
    a reader that hangs in the network ends by itself within `stall_timeout_s`. Raises ConfigError
    for a URL that is not a camera's.
    """

    def __init__(
        self,
        camera_id: str,
        url: str,
        ring_s: float = 30.0,
        stall_timeout_s: float = 5.0,
        *,
        clock: Clock | None = None,
        connector: Callable[[str, float], Connection] = connect,
        rng: random.Random | None = None,
    ) -> None:
        check_url(url)
        self.camera_id = camera_id
        self.shown_url = redact(url, url)
        self._url = url
        self._ring_s = ring_s
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock or SystemClock()
        self._connector = connector
        self._backoff = Backoff(rng or random.Random())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {camera_id}", daemon=True)
        self._changed = threading.Condition()
        self._slot: tuple[LivePicture, SessionReader] | None = None
        self._state = CameraState.CONNECTING
        self._detail = ""
        self._arrivals_s: deque[float] = deque(maxlen=1000)
        self._received = self._skipped = self._dropped = self._sessions = 0
        self._reader: SessionReader | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End reading and free whoever waits in `latest`; may be called twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        with self._changed:
            self._slot = None
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_WAIT_S)

    def latest(self, timeout_s: float) -> LiveFrame | None:
        """The newest frame not handed out yet, waiting for one; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._slot or self._stop.is_set(), timeout_s)
            taken, self._slot = self._slot, None
        if taken is None:
            return None
        picture, reader = taken
        return LiveFrame(Frame(picture.info, reader.image(picture)), reader.session)

    def status(self) -> LiveStatus:
        """How the camera stands now."""
        now_s = self._clock.monotonic_s()
        with self._changed:
            state, detail = self._state, self._detail
            age_s = now_s - self._arrivals_s[-1] if self._arrivals_s else None
            recent = sum(1 for arrival in self._arrivals_s if now_s - arrival <= _RATE_WINDOW_S)
            reader = self._reader
            if state is CameraState.LIVE and age_s is not None and age_s > self._stall_timeout_s:
                state, detail = CameraState.STALLED, f"no frame for {age_s:.0f} s"
            elif state is CameraState.LIVE and reader is not None and not reader.pace.is_true:
                detail = (
                    f"time stamps advance {reader.pace.rate or 0.0:.2f} s in a second, so frames "
                    "are not decided on; check the camera's frame rate setting"
                )
            return LiveStatus(
                state,
                detail,
                self._received,
                self._skipped,
                self._dropped + (reader.dropped if reader else 0),
                max(self._sessions - 1, 0),
                recent / _RATE_WINDOW_S,
                age_s,
                reader.pace.lag_s if reader else 0.0,
            )

    def _run(self) -> None:
        """Read, and after whatever ended it, wait and read again, until stopped."""
        while not self._stop.is_set():
            try:
                self._read()
            except SourceError as error:
                self._failed(_state_after(error), str(error))
            except Exception as error:  # the edge of a thread that must not die
                # Neither the text nor the traceback is safe to log: they may hold the URL.
                self._failed(CameraState.OFFLINE, f"internal error {type(error).__name__}: {error}")
            if not self._stop.is_set():
                self._clock.wait(self._stop, self._backoff.next_s(self._state))
        with self._changed:
            self._state, self._detail = CameraState.OFFLINE, "stopped"

    def _read(self) -> None:
        """One session, to its end, which is always an error unless stopped."""
        connection = self._connector(self._url, self._stall_timeout_s)
        try:
            reader = SessionReader(
                self.camera_id, connection, self._ring_s, self._clock.monotonic_s, self._clock.utc
            )
            with self._changed:
                self._reader = reader
                self._sessions += 1
            for picture in reader.pictures():
                if self._stop.is_set():
                    return
                self._publish(picture, reader)
            if not self._stop.is_set():
                raise SourceLostError("the camera ended the stream")
        finally:
            with self._changed:
                if self._reader is not None:
                    self._dropped += self._reader.dropped
                self._reader = None
            connection.close()

    def _publish(self, picture: LivePicture, reader: SessionReader) -> None:
        with self._changed:
            if self._stop.is_set():
                return
            self._skipped += self._slot is not None
            self._slot = (picture, reader)
            self._received += 1
            self._arrivals_s.append(self._clock.monotonic_s())
            if self._state is not CameraState.LIVE:
                self._state, self._detail = CameraState.LIVE, ""
                _log.info("camera %s is live: %s", self.camera_id, self.shown_url)
            self._backoff.reset()
            self._changed.notify_all()

    def _failed(self, state: CameraState, detail: str) -> None:
        safe = redact(detail, self._url)
        with self._changed:
            news = (state, safe) != (self._state, self._detail)
            self._state, self._detail = state, safe
        if news and not self._stop.is_set():
            _log.warning("camera %s is %s: %s", self.camera_id, state.value, safe)


def _state_after(error: SourceError) -> CameraState:
    if isinstance(error, SourceUnauthorizedError):
        return CameraState.UNAUTHORIZED
    if isinstance(error, SourceNotFoundError):
        return CameraState.NOT_FOUND
    if isinstance(error, SourceStalledError):
        return CameraState.STALLED
    return CameraState.OFFLINE
