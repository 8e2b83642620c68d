"""What the arrival of frames tells about their time stamps: delay, pace and wall-clock time.

Stands beside the live reader. Pure: it is handed the times.
"""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.sources.host_time import HostMoment

_BUCKET_S = 2.0
_WINDOW_S = 60.0
_SETTLED_S = 24.0
"""Before this much has been seen nothing is said of the pace."""
_END_S = 8.0
MAX_PACE_ERROR = 0.02
"""Stamps that run this much faster or slower than time make speeds wrong by as much. Jitter of
0.3 s over the shortest window looks like 0.02 at most."""

HOST_BOUND_S = 2.0
"""Exposure, encoding and the network come before the host sees a frame; nothing tells how long."""
CAMERA_BOUND_S = 0.1
MAX_CLOCK_DIFFERENCE_S = 60.0
"""A camera whose clock is further from the host's is taken not to be set."""


@dataclass(slots=True)
class _Bucket:
    """The least delay within a stretch of arrivals, and when that came."""

    begin_s: float
    arrival_s: float
    delay_s: float


class StampPace:
    """Stamps held against the clock of arrival (monotonic).

    Delays only ever add, so the least delay in a stretch is the one to compare: `lag_s` is how
    much later than the best of the last minute a frame came, `rate` how many seconds the stamps
    advance in a second. A camera that stamps 25 frames a second and delivers 21 has a rate of
    1.19; nothing but arrival tells that. `rate` given: what an earlier session found; it holds
    until this one has seen enough.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._buckets: deque[_Bucket] = deque()
        self.lag_s = 0.0
        self.rate = rate

    @property
    def is_true(self) -> bool:
        """False where the stamps are known not to run with time."""
        return is_true_pace(self.rate)

    def add(self, t_s: float, arrival_s: float) -> None:
        """Take a frame's stamp and the moment it arrived."""
        delay_s = arrival_s - t_s
        buckets = self._buckets
        if not buckets or arrival_s - buckets[-1].begin_s >= _BUCKET_S:
            buckets.append(_Bucket(arrival_s, arrival_s, delay_s))
            self._judge()
        elif delay_s < buckets[-1].delay_s:
            buckets[-1].arrival_s, buckets[-1].delay_s = arrival_s, delay_s
        self.lag_s = delay_s - min(bucket.delay_s for bucket in buckets)

    def _judge(self) -> None:
        """At the start of a bucket: compare the window's first seconds with its last."""
        buckets = self._buckets
        while buckets[-1].begin_s - buckets[0].begin_s > _WINDOW_S:
            buckets.popleft()
        first_s, last_s = buckets[0].begin_s, buckets[-1].begin_s
        if last_s - first_s < _SETTLED_S:
            return
        begun = (bucket for bucket in buckets if bucket.begin_s < first_s + _END_S)
        ended = (bucket for bucket in buckets if bucket.begin_s > last_s - _END_S)
        early = min(begun, key=lambda bucket: bucket.delay_s)
        late = min(ended, key=lambda bucket: bucket.delay_s)
        drift_s = late.delay_s - early.delay_s
        self.rate = 1.0 - drift_s / (late.arrival_s - early.arrival_s)


def is_true_pace(rate: float | None) -> bool:
    """Whether stamps that advance so many seconds in one run with time, as far as is known."""
    return rate is None or abs(rate - 1.0) <= MAX_PACE_ERROR


class CaptureClock:
    """Wall-clock time of a session's frames: the camera's where it is plausible, else the host's.

    Cameras tell theirs in RTCP sender reports, once every few seconds.
    """

    def __init__(self) -> None:
        self._camera_zero: datetime | None = None
        self.ahead_s: float | None = None
        """The camera's clock less the host's, None where the camera tells none."""

    def report(self, t_s: float, utc: datetime) -> None:
        """The camera says that its clock showed `utc` at t_s."""
        self._camera_zero = utc - timedelta(seconds=t_s)

    def captured_at(self, t_s: float, arrival: HostMoment, lag_s: float) -> CapturedAt:
        """When the frame at t_s was taken, having arrived with this lag.

        Of a host whose clock was set under way, the camera's may confirm either time.
        """
        host = arrival.utc - timedelta(seconds=lag_s)
        if self._camera_zero is not None:
            camera = self._camera_zero + timedelta(seconds=t_s)
            self.ahead_s = (camera - host).total_seconds()
            difference_s = min(abs(self.ahead_s), abs(self.ahead_s - arrival.step_s))
            if difference_s <= MAX_CLOCK_DIFFERENCE_S:
                # If either clock is right, the other's distance bounds the error.
                return CapturedAt(camera, ClockSource.CAMERA, CAMERA_BOUND_S + difference_s)
        bound_s = HOST_BOUND_S + lag_s + abs(arrival.step_s)
        return CapturedAt(host, ClockSource.HOST, bound_s)


def from_unix_us(microseconds: int) -> datetime | None:
    """A Unix time in microseconds as UTC; None where it is no date."""
    try:
        return datetime.fromtimestamp(microseconds / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return None
