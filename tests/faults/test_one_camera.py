"""Faults of one camera and its wire, against a real server: what is told, kept and found after.

The number in a test's docstring is that of the fault.
"""

import os
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.blocks import WRONG, rows_of, write_blocks, write_site
from tests.rtsp import needs_rtsp
from traffic_ai.core.frame import ClockSource
from traffic_ai.sources.live import CameraState
from traffic_ai.stores.database import ViolationStore

pytestmark = [*needs_rtsp, pytest.mark.flaky(reruns=2)]

LOOP_S = 4.4
TURN_S = 0.5 * max(1.0, os.getloadavg()[0])
"""How often the table is shown, so how coarse its moments are; on a busy computer later."""
OFF_S = 0.6
"""How far a decision's moment may lie off that of another loop: frames are skipped under load."""


def site_of(tmp_path, url, **more):
    return write_site(tmp_path / "site.yaml", {"id": "gate", "source": url, **more})


def states_of(out):
    with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
        return [event.state for event in store.camera_events("gate")]


def is_live(views):
    return views["gate"].status.state is CameraState.LIVE


def has_found(running, count=1):
    """Until so many more violations are found than now."""
    before = running.views["gate"].violation_count if running.views else 0
    return running.until(lambda views: views["gate"].violation_count >= before + count)


def assert_true_and_single(out):
    """Every violation is one of the two blocks of a loop, and none is there twice."""
    rows = rows_of(out)["violations"]
    for row in rows:
        assert row["kind"] == "wrong_way"
    keys = sorted((row["source_id"], row["t_s"]) for row in rows)
    for (source, t_s), (next_source, next_s) in pairwise(keys):
        assert source != next_source or next_s - t_s > 1.0, "the same block twice"
    return rows


def test_a_server_killed_and_back_after_five_seconds_gives_frames_within_five(
    serve, run_watch, tmp_path
):
    """2."""
    server = serve()
    running = run_watch(site_of(tmp_path, server.url()), tmp_path / "out", write_evidence=False)
    has_found(running)
    server.kill()
    running.until(lambda views: views["gate"].status.state is CameraState.OFFLINE)
    assert not running.watch.stop.wait(5.0)
    serve(port=server.port)
    back_s = time.monotonic()
    running.until(is_live, seconds=5.0 + TURN_S)
    assert running.first("gate", lambda v: v.status.state is CameraState.LIVE, back_s)
    has_found(running)
    running.stop()
    assert_true_and_single(tmp_path / "out")


def test_lost_packets_give_no_violation_on_damaged_frames(serve, wire, run_watch, tmp_path):
    """7. Nothing is measured on a damaged frame: tracks have no observed point on one."""
    proxy = wire(serve())
    running = run_watch(site_of(tmp_path, proxy.url()), tmp_path / "out", write_evidence=False)
    running.until(is_live)
    proxy.faults.drop = 0.02
    running.until(lambda views: views["gate"].status.state is CameraState.DEGRADED)
    seen = running.views["gate"].status.frames_received
    running.until(lambda views: views["gate"].status.frames_received > seen + 100)
    proxy.faults.drop = 0.0
    running.until(is_live)
    has_found(running, 2)
    running.stop()
    assert_true_and_single(tmp_path / "out")
    assert running.views["gate"].status.reconnects == 0


def test_corrupted_bytes_crash_nothing(serve, wire, run_watch, tmp_path):
    """8. Two per cent of all bytes of the pictures."""
    proxy = wire(serve())
    running = run_watch(site_of(tmp_path, proxy.url()), tmp_path / "out", write_evidence=False)
    has_found(running)
    before = running.views["gate"].violation_count
    proxy.faults.corrupt_bytes = 0.02
    sent = proxy.packets
    running.until(lambda views: proxy.packets > sent + 150)
    found = running.views["gate"].violation_count - before
    proxy.faults.corrupt_bytes = 0.0
    assert found <= 1, "what was decided before may be told in it"
    running.until(is_live)
    has_found(running, 2)
    running.stop()
    assert_true_and_single(tmp_path / "out")


def test_twenty_resets_leak_nothing_and_repeat_nothing(serve, wire, run_watch, tmp_path):
    """9."""
    proxy = wire(serve())
    running = run_watch(site_of(tmp_path, proxy.url()), tmp_path / "out", write_evidence=False)

    def resources():
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), readers()

    after = []
    for number in range(20):
        running.until(lambda views, n=number: is_live(views) and reconnects(views) == n)
        frames = running.views["gate"].analysed_count
        running.until(lambda views, f=frames: views["gate"].analysed_count > f)
        after.append(resources())
        proxy.reset()
    running.until(lambda views: is_live(views) and reconnects(views) == 20)
    has_found(running)
    after.append(resources())
    running.stop()
    assert_true_and_single(tmp_path / "out")
    # The first ones still open what stays open: the store, the decoder's tables.
    assert {count for _, _, count in after} == {1}
    assert max(fds for fds, _, _ in after[10:]) <= max(fds for fds, _, _ in after[2:10])
    assert max(threads for _, threads, _ in after) <= min(threads for _, threads, _ in after) + 2


def reconnects(views):
    return views["gate"].status.reconnects


def readers():
    """How many reader processes this one has."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            try:
                line = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            count += b"traffic_ai.sources.reader" in line
    return count


@pytest.mark.parametrize("jump_s", [40.0, -10.0])
def test_time_stamps_that_jump_begin_a_new_session_without_a_reconnect(
    serve, wire, run_watch, tmp_path, jump_s
):
    """10 and 11."""
    proxy = wire(serve())
    out = tmp_path / "out"
    running = run_watch(site_of(tmp_path, proxy.url()), out, write_evidence=False)
    has_found(running)
    proxy.faults.jump = round(jump_s * 90_000)
    has_found(running, 2)
    running.stop()
    assert running.views["gate"].status.reconnects == 0
    assert states_of(out) == ["connecting", "live", "offline"]
    rows = assert_true_and_single(out)
    with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
        assert len(list(store.sources())) == 2
    assert all(row["t_s"] < 60.0 for row in rows)


@pytest.mark.parametrize(
    ("ahead_s", "at_s"), [(5.0, None), (-3600.0, None), (0.0, 3600.0)], ids=["5s", "-1h", "1970"]
)
def test_a_wrong_camera_clock_never_makes_a_wrong_time(
    serve, wire, run_watch, tmp_path, ahead_s, at_s
):
    """13. The true moment lies within the bound that the record gives; the fault is told."""
    proxy = wire(serve())
    proxy.faults.clock_ahead_s, proxy.faults.clock_at_s = ahead_s, at_s
    out = tmp_path / "out"
    running = run_watch(site_of(tmp_path, proxy.url()), out, write_evidence=False)
    running.until(lambda views: "clock" in views["gate"].status.detail)
    began = datetime.now(UTC)
    has_found(running, 2)
    running.stop()
    assert (views := running.views)["gate"].status.clock_ahead_s is None or abs(
        views["gate"].status.clock_ahead_s
    ) > 4.0
    last = max(rows_of(out)["violations"], key=lambda row: row["t_s"])
    moment = datetime.fromisoformat(last["occurred_at"])
    # It was decided while the camera was looked at, so between these two.
    bound_s = last["occurred_at_bound_s"]
    assert (moment - began).total_seconds() > -bound_s - LOOP_S
    assert (datetime.now(UTC) - moment).total_seconds() > -bound_s
    trusted = ClockSource.CAMERA if ahead_s == 5.0 else ClockSource.HOST
    assert last["occurred_at_source"] == trusted.value
    assert bound_s >= (5.0 if trusted is ClockSource.CAMERA else 2.0)


def test_a_stall_and_its_burst_give_the_decisions_of_a_stream_without(
    serve, wire, run_watch, tmp_path
):
    """17, for wrong ways: the times are those of the stamps, not of the arrivals."""
    proxy = wire(serve())
    out = tmp_path / "out"
    running = run_watch(site_of(tmp_path, proxy.url()), out, write_evidence=False)
    has_found(running, 2)
    proxy.freeze()
    frozen_s = time.monotonic()
    running.until(lambda views: time.monotonic() - frozen_s > 3.5)
    proxy.thaw()
    has_found(running, 3)
    running.stop()
    assert reconnects(running.views) == 0
    rows = assert_true_and_single(out)
    times = sorted(row["t_s"] for row in rows)
    for t_s in times[2:]:
        # Each block is decided on at its own moment of the loop, whatever came between.
        off = [(t_s - first_s + LOOP_S / 2) % LOOP_S - LOOP_S / 2 for first_s in times[:2]]
        assert min(map(abs, off)) < OFF_S, times


def test_another_picture_size_is_followed_and_another_shape_stops_the_camera(
    serve, run_watch, tmp_path
):
    """15."""
    large = write_blocks(tmp_path / "large.mp4", WRONG, size=(384, 216))
    square = write_blocks(tmp_path / "square.mp4", WRONG, size=(160, 160))
    server = serve()
    out = tmp_path / "out"
    running = run_watch(site_of(tmp_path, server.url()), out, write_evidence=False)
    has_found(running)
    server.kill()
    server = serve(port=server.port, video=large)
    has_found(running, 2)
    server.kill()
    serve(port=server.port, video=square)
    told = running.until(lambda views: views["gate"].status.state is CameraState.MISMATCHED)
    assert "160x160 and was 192x108" in told["gate"].status.detail
    found = told["gate"].violation_count
    seen = told["gate"].status.frames_received
    running.until(lambda views: views["gate"].status.frames_received > seen + 60)
    assert running.views["gate"].violation_count == found, "nothing is judged by wrong lanes"
    running.stop()
    assert_true_and_single(out)
