"""Evidence packages: whole or not there, once, checkable without the program."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import av
import cv2
import numpy as np
import pytest

from tests.mounts import ROOT, needs_mounts, run_with_read_only, run_with_small_disk
from tests.records import MadeFootage, scene, signals, violation, wall
from traffic_ai.core.errors import EvidenceError, SourceError
from traffic_ai.core.frame import CapturedAt, ClockSource
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.footage import FileFootage

PICTURES = {
    f"{name}{form}.jpg" for name in ("before", "at", "after") for form in ("", "_annotated")
}
RED = violation(ViolationKind.RED_LIGHT)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "run" / "evidence"


@pytest.fixture
def record(root):
    recorder = EvidenceRecorder(root)

    def call(violation_=RED, footage=None):
        footage = footage or MadeFootage()
        return recorder.record(violation_, footage, scene(*footage.size_px), signals())

    return call


def manifest_of(root, result):
    return json.loads((root.parent / result.path / "manifest.json").read_text(encoding="utf-8"))


def everything_below(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_package_holds_stills_annotated_stills_clip_and_manifest(record, root):
    result = record()
    assert (result.state, result.problems, result.message) == (EvidenceState.WRITTEN, (), "")
    assert result.path == f"evidence/gate/red_light/2026-05-01/{RED.id}"
    found = {p.name for p in (root.parent / result.path).iterdir()}
    assert found == PICTURES | {"clip.mp4", "manifest.json", "seal.json"}


def test_the_manifest_lists_every_file_with_its_hash_and_size(record, root):
    result = record()
    folder = root.parent / result.path
    listed = {entry["file"]: entry for entry in manifest_of(root, result)["files"]}
    assert set(listed) == PICTURES | {"clip.mp4"}
    for name, entry in listed.items():
        data = (folder / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["size_bytes"] == len(data)


def test_the_manifest_says_what_was_found_where_and_by_what(record, root):
    manifest = manifest_of(root, record())
    assert manifest["violation"] == document(RED)
    assert manifest["source"] == RED.provenance.source_hash
    assert manifest["software_version"] == "0.1.0"
    assert (manifest["config_hash"], manifest["model_hash"]) == ("c" * 64, "d" * 64)
    assert manifest["problems"] == []
    assert [still["asked_s"] for still in manifest["stills"]] == list(RED.stills_s)
    # The footage has 25 pictures a second: the picture shown at 11.2 s is the one of 11.20 s.
    assert [still["t_s"] for still in manifest["stills"]] == pytest.approx([11.2, 12.0, 13.0])
    assert manifest["stills"][1]["captured_at"]["utc"] == "2026-05-01T03:00:12+00:00"


def test_the_manifest_is_canonical_and_a_rerun_elsewhere_gives_the_same_package(tmp_path):
    packages = []
    for name in ("one", "two"):
        recorder = EvidenceRecorder(tmp_path / name / "evidence")
        result = recorder.record(RED, MadeFootage(), scene(), signals())
        folder = tmp_path / name / result.path
        # The seal says when and in which place of which chain, and differs.
        packages.append({p.name: p.read_bytes() for p in folder.iterdir() if p.name != "seal.json"})
    assert packages[0] == packages[1]
    text = packages[0]["manifest.json"].decode()
    canonical = json.dumps(
        json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    assert text == canonical + "\n"


def test_the_clip_begins_before_the_first_still_and_ends_after_the_last(record, root):
    footage = MadeFootage()
    manifest = manifest_of(root, record(footage=footage))
    [(start_s, end_s)] = footage.asked_clips
    assert start_s == pytest.approx(RED.stills_s[0] - 6.0)
    assert end_s == pytest.approx(RED.stills_s[2] + 3.0)
    # The real bounds are the footage's: it began at the key frame before.
    assert manifest["clip"] == {
        "file": "clip.mp4",
        "start_s": pytest.approx(start_s - 0.5),
        "end_s": pytest.approx(end_s),
        "reencoded": False,
    }


def test_clean_stills_show_the_picture_as_it_was(record, root):
    result = record()
    at = cv2.imread(str(root.parent / result.path / "at.jpg"))
    assert at.shape == (288, 352, 3)
    assert abs(at.astype(int) - 12).max() <= 1
    annotated = cv2.imread(str(root.parent / result.path / "at_annotated.jpg"))
    assert annotated.shape[1] == 3 * 352
    assert annotated.shape[0] > 3 * 288


def test_recording_again_keeps_the_package_as_it_is(record, root):
    first = record(footage=MadeFootage(clip_error=EvidenceError("the camera was off")))
    files = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert record() == first
    assert first.problems == ("clip: the camera was off",)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == files


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (None, "undated"),
        (wall(0.0), "2026-05-01"),
        (
            CapturedAt(
                datetime(2026, 5, 2, 4, tzinfo=timezone(timedelta(hours=7))), ClockSource.HOST, 0.1
            ),
            "2026-05-01",
        ),
        (CapturedAt(datetime(2026, 5, 1, 23, 59, tzinfo=UTC), ClockSource.HOST, 0.1), "2026-05-01"),
    ],
)
def test_packages_lie_by_utc_date(record, moment, day):
    result = record(violation(occurred_at=moment))
    assert result.path.split("/")[3] == day


@pytest.mark.parametrize("camera", ["../../etc", "..", "", "a/b", ".hidden", "ngã tư", "x" * 300])
def test_a_camera_name_never_leads_out_of_the_folder(record, root, camera):
    result = record(violation(camera_id=camera))
    assert result.state is EvidenceState.WRITTEN
    folder = (root.parent / result.path).resolve()
    assert folder.relative_to(root.resolve()).parts[1:3] == ("speeding", "2026-05-01")
    assert not folder.relative_to(root.resolve()).parts[0].startswith(".")


def test_cameras_whose_names_differ_keep_apart(record):
    paths = {record(violation(camera_id=name)).path for name in ("a/b", "a_b", "a b", "a:b")}
    assert len(paths) == 4


def test_a_still_out_of_reach_is_said_and_the_rest_is_kept(record, root):
    result = record(footage=MadeFootage(last_s=12.5))
    assert result.state is EvidenceState.WRITTEN
    assert result.problems[0] == "still after at 13.000 s: the footage reaches 0.0..12.5 s"
    manifest = manifest_of(root, result)
    assert manifest["problems"] == list(result.problems)
    assert [still["file"] for still in manifest["stills"]] == ["before.jpg", "at.jpg"]
    names = {entry["file"] for entry in manifest["files"]}
    assert names == PICTURES - {"after.jpg", "after_annotated.jpg"} | {"clip.mp4"}


@pytest.mark.parametrize(
    "error",
    [
        EvidenceError("no key frame"),
        SourceError("the file is gone"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_clip_that_cannot_be_made_is_said_and_leaves_no_half_clip(record, root, error):
    result = record(footage=MadeFootage(clip_error=error))
    assert result.state is EvidenceState.WRITTEN
    assert result.problems == (f"clip: {error}",)
    manifest = manifest_of(root, result)
    assert manifest["clip"] is None
    assert {entry["file"] for entry in manifest["files"]} == PICTURES


def test_a_clip_that_misses_part_of_the_event_is_said(record):
    made = violation(stills_s=(11.2, 12.0, 12.4))
    result = record(made, MadeFootage(first_s=11.5, last_s=30.0))
    [still, clip] = result.problems
    assert still.startswith("still before at 11.200 s")
    assert clip == (
        "clip: covers 11.500..15.400 s of the recording, 11.200..12.400 s was wanted at the least"
    )


def test_a_still_far_from_its_moment_is_said(record):
    class EndsEarly(MadeFootage):
        def stills(self, times_s):
            return super().stills([min(t_s, 12.2) for t_s in times_s])

    result = record(footage=EndsEarly())
    assert result.problems == ("still after: wanted at 13.000 s, the footage has 12.200 s",)


def test_without_any_picture_there_is_no_package_and_it_may_be_tried_again(record, root):
    result = record(footage=MadeFootage(first_s=50.0, clip_error=EvidenceError("gone")))
    assert (result.state, result.path) == (EvidenceState.FAILED, None)
    assert "no still and no clip could be made" in result.message
    assert "clip: gone" in result.problems
    assert everything_below(root) == []
    assert record().state is EvidenceState.WRITTEN


def test_a_still_of_another_size_than_the_scene_is_kept_unmarked(root):
    footage = MadeFootage(640, 480)
    result = EvidenceRecorder(root).record(RED, footage, scene(352, 288), None)
    assert result.state is EvidenceState.WRITTEN
    assert "640x480 pixels and the scene is for 352x288" in result.problems[0]
    names = {p.name for p in (root.parent / result.path).iterdir()}
    clean = {"before.jpg", "at.jpg", "after.jpg"}
    assert names == clean | {"clip.mp4", "manifest.json", "seal.json"}


def test_no_partial_folder_remains_and_remains_of_a_killed_process_are_cleared(record, root):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = EvidenceRecorder(root).folder(RED)
    remains = folder.parent / f".{RED.id}.{ended.pid}.partial"
    remains.mkdir(parents=True)
    (remains / "before.jpg").write_bytes(b"half")
    running = folder.parent / f".{RED.id}.{os.getppid()}.partial"
    running.mkdir()
    record()
    assert sorted(p.name for p in folder.parent.iterdir()) == sorted([RED.id, running.name])


def test_a_package_that_appears_meanwhile_is_kept(root):
    class Slow(MadeFootage):
        def clip(self, start_s, end_s, stem):
            EvidenceRecorder(root).folder(RED).mkdir(parents=True)
            (EvidenceRecorder(root).folder(RED) / "manifest.json").write_text('{"problems":[]}')
            return super().clip(start_s, end_s, stem)

    result = EvidenceRecorder(root).record(RED, Slow(), scene(), signals())
    assert result.state is EvidenceState.WRITTEN
    package = f"gate/red_light/2026-05-01/{RED.id}"
    assert everything_below(root) == ["gate/chain.jsonl", f"{package}/manifest.json"]
    assert (root / "gate" / "chain.jsonl").read_bytes() == b""


RECORD = """
import os, sys
from pathlib import Path
from tests.records import MadeFootage, scene, signals, violation
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.sources.footage import FileFootage
root = Path(sys.argv[1])
count = int(sys.argv[2])
for number in range(count):
    made = violation(t_s=8.0 + number / 5)
    result = EvidenceRecorder(root).record(made, MadeFootage(), scene(), signals())
    print(result.state.value, result.path, result.message, flush=True)
left = [p.as_posix() for p in root.rglob("*") if "partial" in p.as_posix()]
print("left", left)
"""


@needs_mounts
def test_a_full_disk_fails_the_package_and_leaves_no_half_folder(tmp_path):
    root = tmp_path / "evidence"
    root.mkdir()
    run = run_with_small_disk(root, 1200, RECORD, root, 12)
    assert run.returncode == 0, run.stderr
    *results, left = run.stdout.splitlines()
    states = [line.split()[0] for line in results]
    assert states[0] == "written"
    assert states[-1] == "failed"
    assert "No space left on device" in results[-1]
    assert left == "left []"


@needs_mounts
def test_a_read_only_folder_fails_the_package_with_its_reason(tmp_path):
    root = tmp_path / "evidence"
    root.mkdir()
    run = run_with_read_only(root, RECORD, root, 1)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("failed None")
    assert "Read-only file system" in run.stdout


@pytest.mark.parametrize("packages", [1, 3])
def test_a_killed_process_leaves_only_whole_packages(tmp_path, packages):
    root = tmp_path / "run" / "evidence"
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, str(root), "500"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    for _ in range(packages):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folders = [p for p in root.glob("*/*/*/*") if not p.name.startswith(".")]
    assert len(folders) >= packages
    for folder in folders:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for entry in manifest["files"]:
            data = (folder / entry["file"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_a_package_is_cut_from_a_recorded_file(tmp_path):
    video = tmp_path / "gate.mp4"
    make_video(video, seconds=20)
    recorder = EvidenceRecorder(tmp_path / "evidence")
    with closing(FileFootage(video, "gate")) as footage:
        result = recorder.record(RED, footage, scene(), signals())
    assert result.problems == ()
    folder = tmp_path / result.path
    # The picture's grey is ten times its second.
    for name, second in (("before", 11), ("at", 12), ("after", 13)):
        grey = cv2.imread(str(folder / f"{name}.jpg")).mean()
        assert grey == pytest.approx(10 * second, abs=4)
    clip = manifest_of(tmp_path / "evidence", result)["clip"]
    assert clip["start_s"] <= RED.stills_s[0] - 6.0
    assert clip["end_s"] >= RED.stills_s[2] + 2.9
    assert not clip["reencoded"]
    with av.open(str(folder / clip["file"])) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] - times[0] == pytest.approx(clip["end_s"] - clip["start_s"], abs=0.1)


def make_video(path, seconds):
    """Grey pictures, 25 a second, a key frame every second, ten levels brighter each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"g": "25", "preset": "ultrafast"}
        )
        stream.width, stream.height, stream.pix_fmt = 352, 288, "yuv420p"
        for index in range(seconds * 25):
            image = np.full((288, 352, 3), 10 * (index // 25), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
