"""A watch against a real RTSP server: violations as they happen, losses, secrets, ends."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.blocks import ROOT, packages_of, rows_of, write_site
from tests.broker import held_port
from tests.rtsp import needs_rtsp
from traffic_ai.audit.replay import replay
from traffic_ai.core.errors import UsageError
from traffic_ai.sources.file import VideoFile
from traffic_ai.sources.live import CameraState
from traffic_ai.stores.database import ViolationStore

USER, PASSWORD = "op.erator", "hunter2/x@y"
SECRETS = ("hunter2", "hunter2%2Fx%40y", "op.erator")


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refused_port():
    with held_port() as port:
        yield port


def texts_of(out):
    """Everything a run folder holds, file by file."""
    return [(path, path.read_bytes()) for path in out.rglob("*") if path.is_file()]


def has_evidence(out):
    return any(row["evidence_state"] == "written" for row in rows_of(out)["violations"])


def analysed_now(out):
    with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
        return [source for source in store.sources() if source.state != "done"]


def states_of(out, camera_id):
    with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
        return [event.state for event in store.camera_events(camera_id)]


class TestAgainstAServer:
    pytestmark = needs_rtsp

    def test_violations_are_recorded_live_and_go_on_after_a_loss(
        self, serve, run_watch, tmp_path, monkeypatch, caplog, refused_port
    ):
        caplog.set_level(logging.DEBUG)
        monkeypatch.setenv("CAM_USER", USER)
        monkeypatch.setenv("CAM_PASSWORD", PASSWORD)
        login = "${CAM_USER}:${CAM_PASSWORD}@127.0.0.1"
        server = serve("--user", USER, "--password", PASSWORD)
        site = write_site(
            tmp_path / "site.yaml",
            {"id": "gate", "source": f"rtsp://{login}:{server.port}/cam"},
            {"id": "back", "source": f"rtsp://{login}:{refused_port}/cam"},
        )
        out = tmp_path / "out"
        running = run_watch(site, out)
        running.until(lambda views: views["gate"].violation_count >= 1)
        running.until(lambda views: has_evidence(out))
        server.kill()
        running.until(lambda views: views["gate"].status.state is CameraState.OFFLINE)
        lost = running.until(lambda views: not analysed_now(out))
        before = lost["gate"].violation_count
        serve("--user", USER, "--password", PASSWORD, port=server.port)
        running.until(lambda views: views["gate"].violation_count > before)
        assert running.stop() < 10.0

        # The other camera never was there, and disturbed nothing.
        back = running.views["back"]
        assert (back.violation_count, back.status.frames_received) == (0, 0)
        assert "live" not in states_of(out, "back")
        gate = states_of(out, "gate")
        assert [s for s in gate if s in ("live", "offline")] == [
            "live",
            "offline",
            "live",
            "offline",
        ]
        with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
            sources = list(store.sources())
        assert [source.key.camera_id for source in sources] == ["gate", "gate"]
        assert {source.state for source in sources} == {"done"}
        assert min(source.frame_count for source in sources) >= 5, sources

        rows = rows_of(out)["violations"]
        assert len(rows) == running.views["gate"].violation_count
        assert {row["source_id"] for row in rows} == {source.key.id for source in sources}
        for row in rows:
            check_evidence(out, row)
        assert set(packages_of(out)) == {row["id"] for row in rows}
        assert all(report.is_same for report in replay(out)), "each is decided the same again"

        for path, content in texts_of(out):
            for secret in SECRETS:
                assert secret.encode() not in content, path
        for secret in SECRETS:
            assert secret not in caplog.text
            assert secret not in repr(running.views)

    def test_sigterm_ends_the_command_with_everything_written(self, serve, tmp_path):
        server = serve("--user", "op.erator", "--password", "hunter2")
        url = server.url(login="op.erator:hunter2")
        site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": url})
        out = tmp_path / "out"
        command = [sys.executable, "-m", "tests.blocks", "watch", "-s", site, "-o", out, "--json"]
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = []
        try:
            for line in process.stderr:
                told.append(line)
                if "wrong way" in line:
                    break
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            printed, rest = process.communicate(timeout=60)
        finally:
            process.kill()
        assert time.monotonic() - began < 10.0
        said = "".join(told) + rest
        assert process.returncode == 0, said
        assert "gate: live" in said
        assert "wrong way: car in lane east" in said
        assert "Traceback" not in said
        view = json.loads(printed)
        rows = rows_of(out)["violations"]
        assert view["violations"] == len(rows) >= 1
        for row in rows:
            check_evidence(out, row)
        with ViolationStore.open(out / "violations.sqlite", read_only=True) as store:
            assert [source.state for source in store.sources()] == ["done"]
        for text in (said, printed, *(content.decode("latin1") for _, content in texts_of(out))):
            assert "hunter2" not in text

    def test_it_ends_by_itself_after_its_time(self, serve, run_watch, tmp_path):
        site = write_site(tmp_path / "site.yaml", {"id": "gate", "source": serve().url()})
        began = time.monotonic()
        running = run_watch(site, tmp_path / "out", duration_s=2.0, write_evidence=False)
        running._thread.join(60.0)
        ended = time.monotonic()
        assert not running._thread.is_alive()
        assert running.error is None
        first_shown, _ = running.history[0]
        assert ended - began >= 2.0
        assert ended - first_shown < 10.0
        assert not (tmp_path / "out" / "evidence").exists()


def check_evidence(out, row):
    """The package is whole: a clip that plays from before the event on, and the stills."""
    assert row["evidence_state"] == "written", row["evidence_message"]
    package = out / row["evidence_path"]
    manifest = json.loads((package / "manifest.json").read_text())
    violation = manifest["violation"]
    assert violation == json.loads(row["document"])
    clip = manifest["clip"]
    assert clip["start_s"] <= violation["stills_s"][0] <= clip["end_s"]
    assert len(manifest["stills"]) == 3
    played = VideoFile(package / clip["file"], "gate")
    frames = list(played.frames())
    played.close()
    assert frames[-1].info.t_s == pytest.approx(clip["end_s"] - clip["start_s"], abs=0.1)
    # The still before the event shows the block on its way.
    assert max(frame.image.max() for frame in frames) > 200


def test_cameras_that_never_answer_do_not_keep_a_watch_from_ending(
    run_watch, tmp_path, silent_port
):
    url = f"rtsp://127.0.0.1:{silent_port}/cam"
    cameras = [{"id": f"camera-{n}", "source": url} for n in range(8)]
    running = run_watch(write_site(tmp_path / "site.yaml", *cameras), tmp_path / "out")
    running.until(lambda views: len(views) == 8)
    assert running.stop() < 8.0
    assert states_of(tmp_path / "out", "camera-7")[0] == "connecting"


def test_only_the_chosen_cameras_are_watched(run_watch, tmp_path, silent_port):
    url = f"rtsp://127.0.0.1:{silent_port}/cam"
    cameras = [{"id": name, "source": url} for name in ("a", "b", "c")]
    site = write_site(tmp_path / "site.yaml", *cameras)
    running = run_watch(site, tmp_path / "out", camera_ids=("b",))
    assert set(running.until(lambda views: True)) == {"b"}


def test_a_second_watch_on_the_same_run_folder_is_refused(run_watch, tmp_path, silent_port):
    url = f"rtsp://127.0.0.1:{silent_port}/cam"
    site = write_site(tmp_path / "site.yaml", {"id": "a", "source": url})
    first = run_watch(site, tmp_path / "out")
    first.until(lambda views: True)
    second = run_watch(site, tmp_path / "out")
    second._thread.join(60.0)
    assert isinstance(second.error, UsageError)
    assert f"another watch (process {os.getpid()}) runs on {tmp_path / 'out'}" in str(second.error)
    first.stop()
    third = run_watch(site, tmp_path / "out")
    third.until(lambda views: True)
    third.stop()
