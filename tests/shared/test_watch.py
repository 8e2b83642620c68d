"""A real RTSP stream of a real junction: `watch` records what `process` does, loop after loop."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.footage.analysis import analyse
from benchmarks.footage.remember import RememberingDetector
from benchmarks.footage.sites import variant
from tests.shared.clips import CONFIGS, RED_LIGHT, on_footage, records
from traffic_ai.core.violation import RedLightMeasurement, Violation
from traffic_ai.sources.live import CameraState
from traffic_ai.watch.run import Watch
from traffic_ai.watch.view import CameraView, UpkeepView
from traffic_ai.wiring import open_site

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).parents[1] / "rtsp_server.py"
LOOP_S = 129 / 25


def has_server() -> bool:
    if not Path(PYTHON).exists():
        return False
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    return subprocess.run([PYTHON, "-c", probe], capture_output=True, check=False).returncode == 0


pytestmark = [
    *on_footage,
    pytest.mark.rtsp,
    pytest.mark.skipif(
        not has_server(), reason="GStreamer's RTSP server (gi, GstRtspServer) is not installed"
    ),
]


class Server:
    """The camera's server, which a test may kill and start again on the same port."""

    def __init__(self) -> None:
        self.port = "0"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [PYTHON, str(SERVER), str(RED_LIGHT), "--port", self.port]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline().split()
        assert ready[:1] == ["ready"], "the RTSP server did not start"
        self.port = ready[1]

    def kill(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


class Operator:
    """Looks at the table the watch shows, and waits for something in it."""

    def __init__(self) -> None:
        self._view: CameraView | None = None
        self._changed = threading.Condition()

    def show(self, views: Sequence[CameraView], _upkeep: UpkeepView) -> None:
        with self._changed:
            self._view = views[0]
            self._changed.notify_all()

    def sees(self, violations: int, within_s: float) -> None:
        self._wait(lambda view: view.violation_count >= violations, within_s)

    def sees_it_gone(self, within_s: float) -> None:
        self._wait(lambda view: view.status.state is not CameraState.LIVE, within_s)

    def _wait(self, reached, within_s: float) -> None:
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._view is not None and reached(self._view), within_s
            )
        assert done, f"not within {within_s} s: {self._view}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def expected(detector: RememberingDetector) -> Violation:
    """What the file alone gives; after this the detector knows every picture of the stream."""
    site = open_site(CONFIGS / "bangkok_red_light.yaml")
    (violation,) = analyse(RED_LIGHT, site.cameras[0], detector).violations
    return violation


def test_each_loop_gives_the_files_violation_also_after_the_server_was_killed(
    server: Server, expected: Violation, detector: RememberingDetector, tmp_path: Path
) -> None:
    def from_stream(camera: dict) -> None:
        camera["source"] = f"rtsp://127.0.0.1:{server.port}/cam"

    site = variant(CONFIGS / "bangkok_red_light.yaml", from_stream, tmp_path)
    out, stop, operator = tmp_path / "out", threading.Event(), Operator()
    watch = Watch(site, out, detector, stop=stop)
    running = threading.Thread(target=watch.run, args=(operator.show,))
    running.start()
    try:
        operator.sees(2, within_s=4 * LOOP_S + 20.0)
        server.kill()
        operator.sees_it_gone(within_s=30.0)
        server.start()
        operator.sees(4, within_s=4 * LOOP_S + 60.0)
    finally:
        stop.set()
        running.join(60.0)
    assert not running.is_alive()

    found = records(out, [])
    sessions = {v.provenance.source_hash for v in found.violations}
    assert len(sessions) == 2
    assert isinstance(expected.measurement, RedLightMeasurement)
    for session in sessions:
        own = [
            (v, d["measurement"])
            for v, d in zip(found.violations, found.documents, strict=True)
            if v.provenance.source_hash == session
        ]
        loops = [int(v.t_s // LOOP_S) for v, _ in own]
        assert loops == list(range(len(own))), "one a loop, from the first on"
        for violation, measured in own:
            assert violation.kind is expected.kind
            assert violation.lane_id == expected.lane_id
            assert violation.road_user == expected.road_user.label
            assert violation.t_s % LOOP_S == pytest.approx(expected.t_s, abs=0.15)
            assert measured["time_into_red_s"] == pytest.approx(
                expected.measurement.time_into_red_s, abs=0.15
            )
            assert violation.occurred_at is not None
            assert violation.evidence_state.value == "written", violation.evidence_message
            folder = found.evidence(violation)
            assert {"before.jpg", "at.jpg", "after.jpg", "manifest.json"} <= {
                p.name for p in folder.iterdir()
            }
            assert list(folder.glob("clip.*"))
