"""A disk that fills up under a watch, to the last byte, and has room again.

The number in a test's docstring is that of the fault.
"""

import json

import pytest

from tests.blocks import write_site
from tests.mounts import needs_mounts, run_with_small_disk
from tests.rtsp import needs_rtsp

# The time is that of all attempts together.
pytestmark = [*needs_rtsp, needs_mounts, pytest.mark.flaky(reruns=2), pytest.mark.timeout(900)]

WATCH = """
import json, sqlite3, sys
from pathlib import Path

from tests.blocks import leftovers_of, packages_of, rows_of
from tests.watching import Running
from traffic_ai.audit.verify import verify
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME

site, out = Path(sys.argv[1]), Path(sys.argv[2])
ballast = out / "ballast"


def fill(leave_bytes):
    # Take what is free but for so much.
    with ballast.open("ab", buffering=0) as file:
        try:
            while (free := disk_free()) > leave_bytes:
                file.write(b"x" * min(1 << 16, free - leave_bytes))
        except OSError:
            pass


def disk_free():
    import shutil

    return shutil.disk_usage(out).free


running = Running(site, out)
try:
    running.until(lambda views: running.upkeep.evidence.written >= 1, 40.0)
    fill(4_000_000)
    running.until(lambda views: running.upkeep.disk_is_full)
    running.until(lambda views: running.upkeep.evidence.failed >= 1, 40.0)
    [(part, said)] = running.upkeep.alarms
    fill(0)
    running.until(lambda views: views["gate"].unsaved_count > 0, 40.0)
    ballast.unlink()
    running.until(lambda views: not running.upkeep.disk_is_full)
    running.until(lambda views: views["gate"].unsaved_count == 0, 40.0)
    before = running.upkeep.evidence.written
    running.until(lambda views: running.upkeep.evidence.written > before, 40.0)
finally:
    running.stop()
with sqlite3.connect(out / STORE_NAME) as connection:
    [(integrity,)] = connection.execute("PRAGMA integrity_check")
connection.close()
with ViolationStore.open(out / STORE_NAME) as store:
    events = [(event.part, event.state) for event in store.watch_events()]
report = verify(out)
print(json.dumps({
    "alarm": [part, said],
    "integrity": integrity,
    "events": events,
    "rows": [(r["evidence_state"], r["evidence_message"]) for r in rows_of(out)["violations"]],
    "counted": running.views["gate"].violation_count,
    "packages": len(packages_of(out)),
    "leftovers": leftovers_of(out),
    "problems": [str(problem) for problem in report.problems],
}))
"""


def test_a_full_disk_stops_evidence_loses_no_record_and_heals_by_itself(serve, tmp_path):
    """20, the disk's part."""
    site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
    site.write_text(site.read_text() + "evidence: {min_free_mb: 8}\n")
    out = tmp_path / "out"
    out.mkdir()
    run = run_with_small_disk(out, 40_000, WATCH, site, out, seconds=200)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["alarm"][0] == "disk"
    assert "no evidence is recorded" in found["alarm"][1]
    assert found["integrity"] == "ok"
    assert found["events"] == [["disk", "full"], ["disk", "ok"]]
    states = [state for state, _ in found["rows"]]
    assert set(states) == {"written", "failed"}
    assert found["counted"] == len(states)
    assert found["packages"] == states.count("written")
    missing = [message for state, message in found["rows"] if state == "failed"]
    assert all("disk is full" in message or "No space left" in message for message in missing)
    assert found["leftovers"] == []
    assert found["problems"] == []
