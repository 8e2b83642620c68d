"""Live cameras: a process reads each stream, the newest frame is there for whoever asks.

A source of frames that drops rather than waits: the reader keeps up with the camera whatever the
analysis does, so a frame is never older than the stream. A thread a camera listens to its reader,
ends it where it falls silent, dies or grows, and starts the next one.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from traffic_ai.core.errors import SourceError, SourceLostError
from traffic_ai.core.redact import redact
from traffic_ai.sources.clock import Backoff, Clock, SystemClock
from traffic_ai.sources.connection import SourceStalledError, check_url
from traffic_ai.sources.host_time import HostTime
from traffic_ai.sources.latest import LatestFrame, LiveFrame, LiveSession
from traffic_ai.sources.link import Link, launch
from traffic_ai.sources.live_status import CameraState, LiveStatus, clock_note, state_after
from traffic_ai.sources.messages import (
    Arrived,
    Delivered,
    Ended,
    Health,
    Message,
    Order,
    Pictures,
    SessionBegan,
    Started,
)
from traffic_ai.sources.ring import PacketRing
from traffic_ai.sources.slots import FrameSlots

__all__ = ["CameraState", "LiveCamera", "LiveFrame", "LiveSession", "LiveStatus"]

_log = logging.getLogger(__name__)
_RATE_WINDOW_S = 5.0
_STOP_WAIT_S = 2.0
_LISTEN_S = 0.5
_START_S = 60.0
"""A reader starts within half a second, but for a host that has much else to do."""
_CLEAN_AFTER_S = 5.0
"""Without damage for so long, a camera is not degraded any more."""
_STEADY_S = 1.0
"""A camera that gave pictures for so long is tried again soon when it is lost."""
_NO_PICTURE_S = 60.0
"""Packets without a picture for so long: a decoder that does not recover. Cameras that save key
frames may send one in 40 s."""
_MEMORY_EVERY = 100
"""Frames between looks at how large the reader has grown."""
READER_MAX_BYTES = 1 << 30
"""A reader takes 90 MB for 640x360 and 250 MB for 3840x2160; one that takes this much leaks."""


@dataclass(slots=True)
class _Reading:
    """One reader at work, and what it has announced so far."""

    link: Link
    started: bool = False
    slots: FrameSlots | None = None
    session: LiveSession | None = None
    health: Health | None = None
    pictured_s: float = 0.0


class LiveCamera:
    """One camera's stream, read by a process of its own, with reconnects.

    `start` is called once; `latest` by one thread, `status` and `stop` by any. host: the wall
    clock that all cameras of a watch go by. Raises ConfigError for a URL that is not a camera's.
    """

    def __init__(
        self,
        camera_id: str,
        url: str,
        ring_s: float = 30.0,
        stall_timeout_s: float = 5.0,
        *,
        clock: Clock | None = None,
        host: HostTime | None = None,
        launcher: Callable[[Order], Link] = launch,
        backoff: Backoff | None = None,
        reader_max_bytes: int = READER_MAX_BYTES,
    ) -> None:
        check_url(url)
        self.camera_id = camera_id
        self.shown_url = redact(url, url)
        self._url = url
        self._ring_s = ring_s
        self._stall_timeout_s = stall_timeout_s
        self._reader_max_bytes = reader_max_bytes
        self._clock = clock or SystemClock()
        self._host = host or HostTime(self._clock)
        self._launcher = launcher
        self._backoff = backoff or Backoff(random.Random())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {camera_id}", daemon=True)
        self._lock = threading.Lock()
        self._latest = LatestFrame()
        self._state = CameraState.CONNECTING
        self._detail = ""
        self._arrivals_s: deque[float] = deque(maxlen=1000)
        self._damaged_s: float | None = None
        self._received = self._skipped = self._dropped = self._connections = 0
        self._reading: _Reading | None = None
        self._pace: float | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End reading and free whoever waits in `latest`; may be called twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._latest.close()
        with self._lock:
            reading = self._reading
        if reading is not None:
            reading.link.end()
        if self._thread.is_alive():
            self._thread.join(_STOP_WAIT_S)

    def latest(self, timeout_s: float) -> LiveFrame | None:
        """The newest frame not handed out yet, waiting for one; None if there is none in time."""
        return self._latest.take(timeout_s)

    @property
    def waits_since_s(self) -> float | None:
        """When the frame that `latest` would hand out at once arrived; None if there is none."""
        return self._latest.since_s

    @property
    def reader_pid(self) -> int | None:
        """The reader process, None where there is none at the moment."""
        reading = self._reading
        return reading.link.pid if reading is not None else None

    def status(self) -> LiveStatus:
        """How the camera stands now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            age_s = now_s - self._arrivals_s[-1] if self._arrivals_s else None
            recent = sum(1 for arrival in self._arrivals_s if now_s - arrival <= _RATE_WINDOW_S)
            reading = self._reading
            health = reading.health if reading is not None else None
            state, detail = self._state, self._detail
            if state is CameraState.LIVE and age_s is not None:
                state, detail = self._of_stream(now_s, age_s, health)
            return LiveStatus(
                state,
                detail,
                self._received,
                self._skipped,
                self._dropped + (health.dropped if health else 0),
                max(self._connections - 1, 0),
                recent / _RATE_WINDOW_S,
                age_s,
                health.lag_s if health else 0.0,
                self._pace,
                health.clock_ahead_s if health else None,
            )

    def _of_stream(
        self, now_s: float, age_s: float, health: Health | None
    ) -> tuple[CameraState, str]:
        """With the lock held."""
        if age_s > self._stall_timeout_s:
            return CameraState.STALLED, f"no frame for {age_s:.0f} s"
        if self._damaged_s is not None and now_s - self._damaged_s < _CLEAN_AFTER_S:
            return CameraState.DEGRADED, "pictures are damaged; nothing is decided on them"
        ahead_s = health.clock_ahead_s if health is not None else None
        return CameraState.LIVE, clock_note(self._pace, ahead_s, self._host.now().step_s)

    # -- the listening thread ----------------------------------------------------------------

    def _run(self) -> None:
        """Read, and after whatever ended it, wait and read again, until stopped."""
        while not self._stop.is_set():
            try:
                self._read()
            except SourceError as error:
                self._failed(state_after(error), str(error))
            except Exception as error:  # the edge of a thread that must not die
                # Neither the text nor the traceback is safe to log: they may hold the URL.
                self._failed(CameraState.OFFLINE, f"internal error {type(error).__name__}: {error}")
            if not self._stop.is_set():
                refused = self._state is CameraState.UNAUTHORIZED
                self._clock.wait(self._stop, self._backoff.next_s(refused=refused))
        with self._lock:
            self._state, self._detail = CameraState.OFFLINE, "stopped"

    def _read(self) -> None:
        """One reader, to its end, which is always an error unless stopped."""
        order = Order(
            self.camera_id, self._url, self._stall_timeout_s, self._pace, self._host.trusted_s
        )
        reading = _Reading(self._launcher(order))
        try:
            with self._lock:
                self._reading = reading
            # `stop` may have come before there was anything to end.
            while not self._stop.is_set():
                if not self._take(reading, self._next(reading)):
                    return
        finally:
            self._close_health(reading)
            with self._lock:
                self._reading = None
            reading.link.close()

    def _next(self, reading: _Reading) -> Message:
        """The reader's next message. Raises SourceError where none will come."""
        silent_since_s = self._clock.monotonic_s()
        limit_s = self._longest_silence_s(reading)
        while not reading.link.has_news(min(_LISTEN_S, limit_s)):
            if self._clock.monotonic_s() - silent_since_s > limit_s:
                raise SourceStalledError(f"nothing came for {limit_s:.0f} s")
        try:
            return reading.link.receive()
        except (EOFError, OSError):
            raise SourceLostError("the camera's reader process died") from None

    def _longest_silence_s(self, reading: _Reading) -> float:
        if not reading.started:
            return _START_S
        if reading.session is None:
            return 2.0 * self._stall_timeout_s + 1.0  # to connect; see connection.py
        return self._stall_timeout_s

    def _take(self, reading: _Reading, message: Message) -> bool:
        """Act on a message; whether more will come."""
        match message:
            case Started():
                reading.started = True
            case Pictures():
                reading.slots = reading.link.slots(message)
            case SessionBegan():
                reading.pictured_s = self._clock.monotonic_s()
                self._connections += reading.session is None
                self._close_health(reading)
                ring = PacketRing(
                    message.codec_name, message.extradata, message.time_base, self._ring_s
                )
                reading.session = LiveSession(message.id, self.camera_id, message.started_utc, ring)
            case Arrived():
                self._arrived(reading, message)
            case Ended():
                self._failed(message.state, message.detail)
                return False
        return True

    def _close_health(self, reading: _Reading) -> None:
        """The counts of a session begin anew with the next."""
        with self._lock:
            health, reading.health = reading.health, None
            self._dropped += health.dropped if health is not None else 0

    def _arrived(self, reading: _Reading, message: Arrived) -> None:
        session = reading.session
        assert session is not None  # announced before
        if message.sample is not None:
            session.footage.describe(message.sample)
        if message.coded is not None:
            session.footage.add(message.coded)
        self._check_pictures(reading, message)
        for frame in message.frames:
            session.footage.note(frame.stamp, frame.info)
            self._publish(reading, session, frame)
        with self._lock:
            reading.health = message.health
            self._pace = message.health.pace

    def _publish(self, reading: _Reading, session: LiveSession, frame: Delivered) -> None:
        with self._lock:
            if self._stop.is_set():
                return
            self._received += 1
            self._arrivals_s.append(frame.arrival_s)
            if frame.info.degraded:
                self._damaged_s = frame.arrival_s
            if self._state is not CameraState.LIVE:
                self._state, self._detail = CameraState.LIVE, ""
                _log.info("camera %s is live: %s", self.camera_id, self.shown_url)
            if frame.info.t_s >= _STEADY_S:
                self._backoff.reset()
        skipped = frame.slot is None or reading.slots is None
        if frame.slot is not None and reading.slots is not None:
            skipped = self._latest.put(reading.link, reading.slots, session, frame, frame.slot)
        with self._lock:
            self._skipped += skipped
        if frame.info.index % _MEMORY_EVERY == _MEMORY_EVERY - 1:
            self._check_memory(reading)

    def _check_pictures(self, reading: _Reading, message: Arrived) -> None:
        now_s = self._clock.monotonic_s()
        if message.frames:
            reading.pictured_s = now_s
        elif now_s - reading.pictured_s > _NO_PICTURE_S:
            raise SourceStalledError(f"packets came, but no picture for {_NO_PICTURE_S:.0f} s")

    def _check_memory(self, reading: _Reading) -> None:
        taken = reading.link.resident_bytes()
        if taken > self._reader_max_bytes:
            raise SourceLostError(
                f"the camera's reader grew to {taken / 1e6:.0f} MB and is started anew"
            )

    def _failed(self, state: CameraState, detail: str) -> None:
        safe = redact(detail, self._url)
        with self._lock:
            news = (state, safe) != (self._state, self._detail)
            self._state, self._detail = state, safe
        if news and not self._stop.is_set():
            _log.warning("camera %s is %s: %s", self.camera_id, state.value, safe)
