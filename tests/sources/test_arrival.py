"""What arrival tells of stamps: delay, pace, wall-clock time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from traffic_ai.core.frame import ClockSource
from traffic_ai.sources.arrival import CaptureClock, StampPace, from_unix_us
from traffic_ai.sources.host_time import HostMoment

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def run(seconds, rate=1.0, jitter_s=0.0, stall=None, fps=25.0):
    """The pace after a stream whose stamps advance `rate` seconds in a second."""
    rng = np.random.default_rng(4)
    pace = StampPace()
    free_s = 0.0
    for n in range(int(seconds * fps)):
        sent_s = n / fps
        arrival_s = sent_s + rng.exponential(jitter_s) if jitter_s else sent_s
        if stall and stall[0] <= sent_s < stall[1]:
            arrival_s = stall[1]
        free_s = max(free_s, arrival_s)
        pace.add(sent_s * rate, 1000.0 + free_s)
    return pace


def test_a_true_stream_has_a_rate_of_one_and_no_lag():
    pace = run(60)
    assert pace.rate == pytest.approx(1.0, abs=1e-6)
    assert pace.is_true
    assert pace.lag_s == pytest.approx(0.0, abs=1e-6)


def test_a_camera_that_stamps_25_and_delivers_21_is_found_out_within_half_a_minute():
    pace = run(30, rate=25 / 21)
    assert not pace.is_true
    assert pace.rate == pytest.approx(25 / 21, abs=0.01)


def test_a_camera_whose_stamps_are_slow_is_found_out():
    assert not run(30, rate=21 / 25).is_true


@pytest.mark.parametrize("jitter_s", [0.05, 0.2])
@pytest.mark.parametrize("seconds", [26, 40, 300])
def test_network_jitter_is_not_taken_for_a_wrong_pace(seconds, jitter_s):
    assert run(seconds, jitter_s=jitter_s).is_true


def test_a_short_stall_is_not_taken_for_a_wrong_pace():
    assert run(60, stall=(40.0, 43.0)).is_true


def test_nothing_is_said_of_the_pace_at_first():
    pace = run(10, rate=0.5)
    assert pace.rate is None
    assert pace.is_true


def test_lag_is_how_much_later_than_the_best_a_frame_came():
    pace = StampPace()
    for n in range(100):
        pace.add(n * 0.04, 50.0 + n * 0.04)
    pace.add(4.0, 54.0 + 1.5)
    assert pace.lag_s == pytest.approx(1.5)


def test_the_cameras_clock_is_taken_when_it_is_plausible():
    clock = CaptureClock()
    clock.report(10.0, NOON)
    moment = clock.captured_at(12.5, HostMoment(NOON + timedelta(seconds=2.9)), 0.0)
    assert moment.utc == NOON + timedelta(seconds=2.5)
    assert moment.source is ClockSource.CAMERA
    # The two clocks differ by 0.4 s: if one is right, the other is off by no more.
    assert moment.bound_s == pytest.approx(0.5)


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), NOON + timedelta(hours=2)])
def test_a_camera_whose_clock_is_not_set_falls_back_to_the_hosts(wrong):
    clock = CaptureClock()
    clock.report(10.0, wrong)
    moment = clock.captured_at(10.0, HostMoment(NOON), 0.5)
    assert moment.utc == NOON - timedelta(seconds=0.5)
    assert moment.source is ClockSource.HOST
    assert moment.bound_s == pytest.approx(2.5)


def test_without_a_report_the_hosts_clock_is_used():
    assert CaptureClock().captured_at(3.0, HostMoment(NOON), 0.0).source is ClockSource.HOST


def test_microseconds_that_are_no_date_are_none():
    assert from_unix_us(1_777_636_800_000_000) == NOON
    assert from_unix_us(-(2**62)) is None
    assert from_unix_us(2**62) is None


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_of_a_hosts_two_times_the_one_that_the_camera_confirms_is_right(step_s):
    for camera_utc in (NOON, NOON + timedelta(seconds=step_s)):
        clock = CaptureClock()
        clock.report(0.0, camera_utc)
        moment = clock.captured_at(10.0, HostMoment(NOON + timedelta(seconds=10.5), step_s), 0.0)
        assert moment.utc == camera_utc + timedelta(seconds=10.0)
        assert moment.source is ClockSource.CAMERA
        assert moment.bound_s == pytest.approx(0.6)


def test_where_nothing_confirms_a_hosts_time_the_bound_covers_both():
    moment = CaptureClock().captured_at(10.0, HostMoment(NOON, -3600.0), 0.0)
    assert (moment.utc, moment.source, moment.bound_s) == (NOON, ClockSource.HOST, 3602.0)
