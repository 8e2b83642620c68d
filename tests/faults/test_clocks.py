"""The host's clock set by an hour under way, and the night in which local time has an hour twice.

The number in a test's docstring is that of the fault. The clocks are the test's; the cameras play
files, packet by packet.
"""

import csv
import io
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from tests.blocks import rows_of, write_blocks, write_site
from tests.faults.made import Played, SetClock, watched_camera
from tests.sources.cameras import Site
from tests.watching import end
from traffic_ai.cli.main import app
from traffic_ai.sources.live import CameraState
from traffic_ai.stores.database import ViolationStore
from traffic_ai.wiring import open_site

HOUR_S = 3600.0
FRAMES = 55
STEP_S = 0.08


@pytest.fixture
def store(tmp_path):
    with ViolationStore.open(tmp_path / "violations.sqlite") as store:
        yield store


@pytest.fixture
def site(tmp_path):
    return open_site(write_site(tmp_path / "site.yaml", {"id": "gate"})).cameras[0]


@pytest.fixture
def video(tmp_path):
    return write_blocks(tmp_path / "cam.mp4")


def play(watched, live, played, clock, count=FRAMES):
    """Frame after frame, each analysed before the next comes."""
    for _ in range(count):
        clock.now_s += STEP_S
        assert played.let()
        with live._latest._changed:
            assert live._latest._changed.wait_for(lambda: watched.waits, 60.0)
        assert watched.work(clock.monotonic_s)
        watched.tend()
        watched.ledger.settle()


def moments_of(out):
    """When the violations were, in the order of their export."""
    rows = sorted(rows_of(out)["violations"], key=lambda row: row["occurred_at"])
    return [datetime.fromisoformat(row["occurred_at"]).replace(tzinfo=UTC) for row in rows]


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_host_clock_set_by_an_hour_changes_no_time_and_no_order(
    site, store, video, tmp_path, step_s, caplog
):
    """14. Set in the midst of a session; a connection follows that begins after it."""
    clock = SetClock()
    first, second = Played(video), Played(video)
    watched, live = watched_camera(site, store, Site(first, second), clock)
    began = clock.true_utc()
    watched.start()
    play(watched, live, first, clock, 25)
    clock.ahead_s = step_s
    play(watched, live, first, clock, 30)
    assert "the host's clock was set by" in watched.view(clock.now_s).status.detail
    first.end()
    play(watched, live, second, clock)
    ended = clock.true_utc()
    end(watched)
    second.end()
    moments = moments_of(tmp_path)
    assert len(moments) == 4
    assert began < moments[0] < moments[-1] < ended
    # Two blocks a play, 2.2 s apart, each found half-way through.
    gaps = [(b - a).total_seconds() for a, b in pairwise(moments)]
    assert gaps[0] == pytest.approx(2.2, abs=0.2)
    assert gaps[2] == pytest.approx(2.2, abs=0.2)
    rows = rows_of(tmp_path)["violations"]
    bounds = sorted(row["occurred_at_bound_s"] for row in rows)
    assert bounds[0] < 5.0, "before the step"
    assert bounds[-1] > HOUR_S, "nothing tells which of the two times is right"
    events = [event.at for event in store.camera_events("gate")]
    assert events == sorted(events)
    assert began <= events[0]
    assert events[-1] <= ended + timedelta(seconds=1)
    assert "the host's clock was set by" in caplog.text


def test_the_night_in_which_summer_time_ends_keeps_utc_and_order(
    site, store, video, tmp_path, monkeypatch
):
    """14. From 02:59:58 summer time to 02:00:02 winter time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        clock = SetClock(datetime(2026, 10, 25, 0, 59, 58, tzinfo=UTC))
        played = Played(video)
        watched, live = watched_camera(site, store, Site(played), clock)
        watched.start()
        play(watched, live, played, clock)
        assert watched.view(clock.now_s).status.state is CameraState.LIVE
        end(watched)
        played.end()
    finally:
        monkeypatch.undo()
        time.tzset()
    change = datetime(2026, 10, 25, 1, tzinfo=UTC)
    before, after = moments_of(tmp_path)
    assert change - timedelta(seconds=2) < before < change < after < change + timedelta(seconds=3)
    asked = CliRunner().invoke(app, ["export", str(tmp_path), "--time-zone", "Europe/Berlin"])
    shown = [row["occurred_at"] for row in csv.DictReader(io.StringIO(asked.output))]
    assert [text[:16] + text[-6:] for text in shown] == [
        "2026-10-25T02:59+02:00",
        "2026-10-25T02:00+01:00",
    ]
