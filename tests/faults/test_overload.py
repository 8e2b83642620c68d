"""A detector that is too slow for the streams.

The number in a test's docstring is that of the fault.
"""

import os
import time
from pathlib import Path

import pytest

from tests.blocks import BlockDetector, write_blocks, write_site
from tests.rtsp import needs_rtsp
from traffic_ai.sources.live import CameraState

# The time is that of all attempts together.
pytestmark = [*needs_rtsp, pytest.mark.flaky(reruns=2), pytest.mark.timeout(900)]

SECONDS = 60.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def test_a_detector_slower_than_the_streams_keeps_lag_and_memory_and_thins_alike(
    serve, run_watch, tmp_path
):
    """6. Five pictures a second, of two cameras that send 25 each, for 60 s."""
    server = serve(video=write_blocks(tmp_path / "quick.mp4", step_ms=40))
    cameras = [{"id": name, "source": server.url()} for name in ("a", "b")]
    slow = BlockDetector(lambda number: time.sleep(0.2))
    site = write_site(tmp_path / "site.yaml", *cameras)
    running = run_watch(site, tmp_path / "out", detector=slow, write_evidence=False)
    running.until(lambda views: all(v.status.state is CameraState.LIVE for v in views.values()))
    began_s = time.monotonic()
    running.until(lambda views: time.monotonic() - began_s > 15.0)
    early = resident_bytes()
    running.until(lambda views: time.monotonic() - began_s > SECONDS, SECONDS + 10.0)
    late = resident_bytes()
    running.stop()
    seen = [views for at_s, views in running.history if at_s > began_s + 5.0][:-2]
    assert all(view.status.received_fps > 23.0 for view in seen[-1].values())
    # Of every 5 s the longest lag is told, so 99 of 100 frames were quicker.
    lags = sorted(view.lag_s for views in seen for view in views.values())
    assert lags[int(0.99 * len(lags))] < 0.5
    assert late < 1.05 * early
    begin = seen[0]
    for views in seen:
        assert all(view.is_thinned for view in views.values())
        done = [views[name].analysed_count - begin[name].analysed_count for name in "ab"]
        assert abs(done[0] - done[1]) <= 3
    end = running.views["a"].status
    assert end.frames_skipped > 0.8 * end.frames_received
