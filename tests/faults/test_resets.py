"""A connection that breaks again and again: nothing is left over, nothing is told twice.

The number in a test's docstring is that of the fault.
"""

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.blocks import rows_of, write_site
from tests.rtsp import needs_rtsp
from traffic_ai.sources.live import CameraState

# The time is that of all attempts together.
pytestmark = [*needs_rtsp, pytest.mark.flaky(reruns=2), pytest.mark.timeout(900)]

RESETS = 20
EVERY_S = 3.0


def resources():
    """Descriptors, threads and reader processes of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), readers()


def readers():
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


def test_a_reset_every_three_seconds_leaks_nothing_and_repeats_nothing(
    serve, wire, run_watch, tmp_path
):
    """9. Twenty times."""
    proxy = wire(serve())
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": proxy.url()})
    out = tmp_path / "out"
    running = run_watch(site, out, write_evidence=False)
    after = []

    def is_live(views):
        return views["gate"].status.state is CameraState.LIVE

    running.until(is_live)
    for _ in range(RESETS):
        until_s = time.monotonic() + EVERY_S
        running.until(lambda views, until_s=until_s: time.monotonic() >= until_s)
        after.append(resources())
        proxy.reset()
    # The wait for the next attempt may have grown to its longest.
    running.until(is_live, 60.0)
    found = running.views["gate"].violation_count
    running.until(lambda views: views["gate"].violation_count > found, 60.0)
    after.append(resources())
    running.stop()
    assert running.views["gate"].status.reconnects >= RESETS / 5
    moments = sorted((row["source_id"], row["t_s"]) for row in rows_of(out)["violations"])
    for (source, t_s), (next_source, next_s) in pairwise(moments):
        assert source != next_source or next_s - t_s > 1.0, "the same block twice"
    # Between two connections there is no reader; the first ones open what stays open.
    assert {count for _, _, count in after[:-1]} <= {0, 1}
    assert after[-1][2] == 1
    half = len(after) // 2
    assert max(fds for fds, _, _ in after[half:]) <= max(fds for fds, _, _ in after[:half]) + 1
    assert max(threads for _, threads, _ in after) <= min(threads for _, threads, _ in after) + 2
