"""The host's wall clock, set while a watch runs."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from traffic_ai.sources.clock import SystemClock
from traffic_ai.sources.host_time import HostTime, kernel_is_synchronised

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


class SetClock:
    """A host whose wall clock a test sets."""

    def __init__(self):
        self.now_s = 5000.0
        self.ahead_s = 0.0
        self.synchronised = False

    def monotonic_s(self):
        return self.now_s

    def utc(self):
        return self.true() + timedelta(seconds=self.ahead_s)

    def true(self):
        return NOON + timedelta(seconds=self.now_s - 5000.0)

    def is_synchronised(self):
        return self.synchronised


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def host(clock):
    return HostTime(clock, is_synchronised=clock.is_synchronised)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, -56 * 365.0 * 86400.0])
def test_a_clock_that_is_set_far_off_is_not_followed_and_that_is_told_once(
    clock, host, step_s, caplog
):
    clock.now_s += 10.0
    clock.ahead_s = step_s
    for _ in range(3):
        clock.now_s += 10.0
        moment = host.now()
        assert abs(moment.utc - clock.true()) < timedelta(milliseconds=1)
        assert moment.step_s == pytest.approx(step_s)
    assert caplog.text.count("is not followed") == 1
    clock.ahead_s = 0.0
    assert host.now().step_s == 0.0


def test_a_clock_that_was_wrong_is_followed_once_it_is_synchronised(clock, caplog):
    caplog.set_level(logging.WARNING)
    clock.ahead_s = -3600.0
    host = HostTime(clock, is_synchronised=clock.is_synchronised)
    clock.ahead_s = 0.0
    assert clock.true() - host.now().utc == timedelta(seconds=3600)
    clock.synchronised = True
    assert abs(host.now().utc - clock.true()) < timedelta(milliseconds=1)
    assert host.now().step_s == 0.0
    assert "it is followed" in caplog.text


def test_small_corrections_are_followed_without_a_word(clock, host, caplog):
    clock.ahead_s = -4.0
    assert abs(host.now().utc - clock.utc()) < timedelta(milliseconds=1)
    assert not caplog.records


def test_a_process_that_starts_after_the_step_goes_by_the_time_before_it(clock, host):
    clock.ahead_s = 3600.0
    later = HostTime(clock, host.trusted_s, clock.is_synchronised)
    assert abs(later.now().utc - clock.true()) < timedelta(milliseconds=1)


def test_the_real_clock_is_told_as_it_is():
    assert isinstance(kernel_is_synchronised(), bool)
    moment = HostTime(SystemClock()).now()
    assert abs(moment.utc - datetime.now(UTC)) < timedelta(seconds=5)
    assert moment.step_s == 0.0
