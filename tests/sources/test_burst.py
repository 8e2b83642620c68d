"""What counts as a burst after a stall, and that its frames are not skipped."""

import random
import threading

import pytest

from tests.sources.cameras import Site, TurnedClock, launcher_of
from tests.sources.made import steady, x264
from tests.sources.test_live_camera import URL, Gate
from traffic_ai.sources.burst import Burst
from traffic_ai.sources.clock import Backoff
from traffic_ai.sources.live import LiveCamera


def seen(burst, frames):
    return [burst.has(t_s, arrival_s) for t_s, arrival_s in frames]


def stream(count=50, begin_s=0.0, late_s=0.0, step_s=0.04):
    return [(begin_s + step_s * n, 100.0 + begin_s + step_s * n + late_s) for n in range(count)]


def test_a_stream_that_comes_in_time_is_no_burst():
    assert not any(seen(Burst(), stream()))


def test_what_a_stall_held_back_is_a_burst_until_it_is_caught_up():
    burst = Burst()
    assert not any(seen(burst, stream(25)))
    held = [(1.0 + 0.04 * n, 104.0 + 0.01 * n) for n in range(100)]
    told = seen(burst, held)
    behind = [arrival_s - 100.0 - t_s for t_s, arrival_s in held]
    assert told == [late_s > 0.3 for late_s in behind]
    assert not any(seen(burst, stream(25, begin_s=5.0)))


def test_frames_that_were_lost_in_a_gap_leave_no_burst():
    burst = Burst()
    seen(burst, stream(25))
    assert not any(seen(burst, stream(25, begin_s=10.0)))


def test_an_analysis_that_falls_further_behind_ends_it_and_the_next_stall_begins_one():
    burst = Burst()
    seen(burst, stream(25))
    slow = [(1.0 + 0.04 * n, 103.0 + 0.2 * n) for n in range(20)]
    told = seen(burst, slow)
    assert told[0]
    assert not any(told[5:])
    last_t_s, last_s = slow[-1]
    assert burst.has(last_t_s + 0.04, last_s + 2.0)


@pytest.fixture
def clock():
    return TurnedClock()


def test_all_frames_of_a_burst_are_handed_out(tmp_path, clock):
    gate = Gate(x264(tmp_path / "a.mkv", steady(82)))
    camera = LiveCamera(
        "gate",
        URL,
        clock=clock,
        launcher=launcher_of(Site(gate), clock),
        backoff=Backoff(random.Random(1)),
        stall_timeout_s=60.0,
    )
    camera.start()
    try:
        indices = []
        for _ in range(5):
            gate.let()
            clock.advance(0.04)
            indices.append(camera.latest(60.0).frame.info.index)
        clock.advance(3.5)
        gate.let(75)
        slowly = threading.Event()
        for _ in range(75):
            frame = camera.latest(60.0)
            indices.append(frame.frame.info.index)
            slowly.wait(0.005)
        assert indices == list(range(80))
        assert camera.status().frames_skipped == 0
    finally:
        gate.end()
        camera.stop()
