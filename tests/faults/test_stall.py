"""A stall in which the signal turns red and a vehicle passes, then all of it at once.

The number in a test's docstring is that of the fault.
"""

import json

import pytest

from tests.blocks import rows_of
from tests.faults import junction
from tests.rtsp import needs_rtsp

pytestmark = [*needs_rtsp, pytest.mark.flaky(reruns=2)]

STALL_S = 3.4
OFF_S = 0.2
"""How far two looks at one thing may lie apart: frames are skipped where the host is busy."""
MOMENTS = (
    "observed_crossing_s",
    "front_earliest_s",
    "front_latest_s",
    "red_since_s",
)


def test_a_stall_across_the_onset_of_red_gives_the_decision_of_a_stream_without(
    serve, wire, run_watch, tmp_path
):
    """17. A round without, then one with a stall from the yellow until the violator is gone."""
    proxy = wire(serve(video=junction.write_junction(tmp_path / "junction.mp4")))
    begins_s = junction.ROUND_S + junction.RED_S - 0.7
    proxy.faults.stalls.append((begins_s, STALL_S))
    site = tmp_path / "site.yaml"
    site.write_text(junction.SITE.format(url=proxy.url()))
    out = tmp_path / "out"
    running = run_watch(site, out, write_evidence=False)
    running.until(lambda views: views["gate"].violation_count >= 2, 45.0)
    assert proxy.faults.stalls == []
    running.stop()
    assert running.views["gate"].status.reconnects == 0
    rows = sorted(rows_of(out)["violations"], key=lambda row: row["t_s"])
    assert len({row["source_id"] for row in rows}) == 1
    without, stalled = (json.loads(row["document"])["measurement"] for row in rows)
    for name, value in without.items():
        if name.endswith("_bound_s") or not isinstance(value, float):
            continue
        later_s = junction.ROUND_S if name in MOMENTS else 0.0
        assert stalled[name] == pytest.approx(value + later_s, abs=OFF_S), name
    onset_s = stalled["red_since_s"]
    assert begins_s < onset_s < stalled["observed_crossing_s"] < begins_s + STALL_S
