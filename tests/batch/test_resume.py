"""Interrupted batches: going on gives what an unbroken run gives, the detector's work is kept."""

import signal
import subprocess
import sys
import threading

import pytest

from tests.batch.runs import Heard, analyse, stopped_at
from tests.blocks import (
    ROOT,
    WRONG,
    BlockDetector,
    frame_count,
    leftovers_of,
    packages_of,
    rows_of,
)
from traffic_ai.audit.purge import purge, subject
from traffic_ai.audit.records import open_records
from traffic_ai.batch.outcome import FileState
from traffic_ai.batch.read_ahead import read_ahead
from traffic_ai.core.errors import SourceError
from traffic_ai.core.record import EvidenceState
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.stores.database import ViolationStore


@pytest.fixture
def unbroken(site_path, wrong_way_video, tmp_path):
    """The rows of a run that nothing disturbed."""
    analyse(site_path, tmp_path / "unbroken", [wrong_way_video])
    return rows_of(tmp_path / "unbroken")


@pytest.mark.parametrize("call", [1, 20, 33, frame_count()])
def test_a_stopped_run_goes_on_where_it_was(site_path, wrong_way_video, tmp_path, unbroken, call):
    out = tmp_path / "out"
    [outcome] = stopped_at(site_path, out, [wrong_way_video], call)
    assert outcome.state is FileState.INTERRUPTED
    assert outcome.frame_count == call
    assert len(leftovers_of(out)) == 1
    detector, heard = BlockDetector(), Heard()
    [again] = analyse(site_path, out, [wrong_way_video], detector, heard)
    assert again.state is FileState.DONE
    assert again.frame_count == heard.frames == frame_count()
    assert heard.from_log == call
    assert detector.calls == frame_count() - call
    assert again.violation_count == len(WRONG)
    assert rows_of(out) == unbroken
    assert set(packages_of(out)) == {row["id"] for row in unbroken["violations"]}
    assert leftovers_of(out) == []


def test_a_run_stopped_again_and_again_comes_to_its_end(
    site_path, wrong_way_video, tmp_path, unbroken
):
    out = tmp_path / "out"
    calls = 0
    for _ in range(4):
        [outcome] = stopped_at(site_path, out, [wrong_way_video], 12)
        assert outcome.state is FileState.INTERRUPTED
        calls += 12
        assert outcome.frame_count == calls
    [outcome] = analyse(site_path, out, [wrong_way_video])
    assert outcome.state is FileState.DONE
    assert rows_of(out) == unbroken


def test_files_after_the_one_that_was_stopped_are_left_for_the_next_run(
    site_path, wrong_way_video, tmp_path
):
    other = tmp_path / "other.ts"
    other.write_bytes(b"not looked at")
    outcomes = stopped_at(site_path, tmp_path / "out", [wrong_way_video, other], 5)
    assert [outcome.path for outcome in outcomes] == [wrong_way_video]


def test_a_violation_found_before_the_stop_is_new_once(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    [first] = stopped_at(site_path, out, [wrong_way_video], 30)
    [second] = analyse(site_path, out, [wrong_way_video])
    found = [v.id for v in (*first.new_violations, *second.new_violations)]
    assert len(first.new_violations) == 1
    assert len(found) == len(set(found)) == len(WRONG)
    assert second.violation_count == len(WRONG)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.batch.runs import analyse
from tests.blocks import BlockDetector

site, out, video, call = sys.argv[1:]

def kill(number):
    if number == int(call):
        os.kill(os.getpid(), signal.SIGKILL)

analyse(Path(site), Path(out), [Path(video)], BlockDetector(kill))
"""


def kill_at(call, site, out, video):
    command = [sys.executable, "-c", KILLED, str(site), str(out), str(video), str(call)]
    ended = subprocess.run(command, cwd=ROOT, timeout=180, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_a_killed_run_gives_the_rows_of_a_clean_one_when_run_again(
    site_path, wrong_way_video, tmp_path, unbroken
):
    out = tmp_path / "out"
    kill_at(54, site_path, out, wrong_way_video)
    with ViolationStore.open(out / "violations.sqlite") as store:
        assert [run.state for run in store.sources()] == ["partial"]
    detector = BlockDetector()
    [outcome] = analyse(site_path, out, [wrong_way_video], detector)
    assert outcome.state is FileState.DONE
    assert rows_of(out) == unbroken
    assert leftovers_of(out) == []
    # What was logged before the kill is not looked at again; the last moments may be lost.
    assert detector.calls < frame_count()


def test_evidence_that_a_killed_run_owed_is_made_by_the_next(
    site_path, wrong_way_video, tmp_path, unbroken
):
    """The process dies between storing the violation and noting its evidence."""
    out = tmp_path / "out"
    stopped_at(site_path, out, [wrong_way_video], 30)
    [package] = packages_of(out).values()
    with ViolationStore.open(out / "violations.sqlite") as store:
        [found] = store.violations()
        store.set_evidence(found.id, EvidenceState.PENDING)
    for path in package.iterdir():
        path.unlink()
    package.rmdir()
    remains = package.parent / f".{package.name}.999999999.partial"
    remains.mkdir()
    (remains / "at.jpg").write_bytes(b"half")
    analyse(site_path, out, [wrong_way_video])
    assert set(packages_of(out)) == {row["id"] for row in unbroken["violations"]}
    assert rows_of(out) == unbroken
    assert leftovers_of(out) == []


def test_evidence_found_on_disk_is_noted_not_made_again(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    stopped_at(site_path, out, [wrong_way_video], 30)
    [package] = packages_of(out).values()
    with ViolationStore.open(out / "violations.sqlite") as store:
        [found] = store.violations()
        store.set_evidence(found.id, EvidenceState.PENDING)
    before = (package / "manifest.json").stat().st_mtime_ns
    analyse(site_path, out, [wrong_way_video])
    assert (package / "manifest.json").stat().st_mtime_ns == before
    assert {row["evidence_state"] for row in rows_of(out)["violations"]} == {"written"}


def test_evidence_the_disk_refused_is_made_by_the_next_run_without_the_detector(
    site_path, wrong_way_video, tmp_path, unbroken
):
    out = tmp_path / "out"
    out.mkdir()
    (out / "evidence").write_text("in the way")
    [outcome] = analyse(site_path, out, [wrong_way_video])
    assert outcome.state is FileState.FAILED
    assert "no evidence of 2 violations (package not written: " in outcome.message
    assert {row["evidence_state"] for row in rows_of(out)["violations"]} == {"failed"}
    (out / "evidence").unlink()
    detector = BlockDetector()
    [outcome] = analyse(site_path, out, [wrong_way_video], detector)
    assert (outcome.state, detector.calls) == (FileState.DONE, 0)
    assert rows_of(out) == unbroken
    assert len(packages_of(out)) == len(WRONG)
    assert leftovers_of(out) == []


def the_log(out):
    [path] = (out / ".unfinished").iterdir()
    return path


def cut_last_line(path):
    path.write_bytes(path.read_bytes()[:-7])


def spoil_a_line_in_the_middle(path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[10] = b'["0.72",[[1,2,3]]]\n'
    path.write_bytes(b"".join(lines))


def end_in_zeros(path):
    """As some file systems leave a file after a power cut."""
    path.write_bytes(path.read_bytes() + b"\0" * 300)


def cut_in_the_head(path):
    path.write_bytes(path.read_bytes()[:20])


def of_another_key(path):
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first.replace(b'"key": "', b'"key": "x') + b"\n" + rest)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "kept"),
    [
        (cut_last_line, 29),
        (spoil_a_line_in_the_middle, 9),
        (end_in_zeros, 30),
        (cut_in_the_head, 0),
        (of_another_key, 0),
        (empty, 0),
    ],
)
def test_of_a_spoilt_log_only_the_sound_beginning_is_used(
    site_path, wrong_way_video, tmp_path, unbroken, spoil, kept
):
    out = tmp_path / "out"
    stopped_at(site_path, out, [wrong_way_video], 30)
    spoil(the_log(out))
    # A second interruption right away must not make it worse.
    stopped_at(site_path, out, [wrong_way_video], 2)
    detector, heard = BlockDetector(), Heard()
    analyse(site_path, out, [wrong_way_video], detector, heard)
    assert heard.from_log == kept + 2
    assert rows_of(out) == unbroken


def test_a_log_of_another_detector_is_not_used(site_path, wrong_way_video, tmp_path, unbroken):
    out = tmp_path / "out"
    stopped_at(site_path, out, [wrong_way_video], 30)
    for change in ({"model_hash": "c" * 64}, {"size_px": 320}):
        other, heard = BlockDetector(), Heard()
        for name, value in change.items():
            setattr(other, name, value)
        analyse(site_path, tmp_path / "out", [wrong_way_video], other, heard)
        assert heard.from_log == 0


def test_an_interrupted_file_that_changed_is_another_file(site_path, wrong_way_video, tmp_path):
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    video.write_bytes(wrong_way_video.read_bytes())
    stopped_at(site_path, out, [video], 30)
    with video.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    heard = Heard()
    [outcome] = analyse(site_path, out, [video], listener=heard)
    assert (outcome.state, heard.from_log) == (FileState.DONE, 0)


class Counting:
    """A source of numbers in place of frames, that may fail after some."""

    def __init__(self, count, error=None):
        self.given, self._count, self._error = 0, count, error

    def frames(self):
        for number in range(self._count):
            self.given += 1
            yield number
        if self._error is not None:
            raise self._error

    def close(self):
        pass


def test_reading_ahead_keeps_the_order_and_raises_in_its_place():
    source = Counting(20, SourceError("broken"))
    seen = []
    with pytest.raises(SourceError, match="broken"):
        seen.extend(read_ahead(source, threading.Event()))  # what came before is seen
    assert seen == list(range(20))


def test_reading_ahead_is_bounded_and_ends_its_thread_when_left():
    source = Counting(10_000)
    frames = read_ahead(source, threading.Event())
    assert next(frames) == 0
    frames.close()
    assert source.given < 20
    assert not [t for t in threading.enumerate() if t.name == "read-ahead"]


def test_reading_ahead_stops_when_told():
    stop = threading.Event()
    seen = []
    for number in read_ahead(Counting(10_000), stop):
        seen.append(number)
        if number == 3:
            stop.set()
    assert seen == [0, 1, 2, 3]


def test_a_crash_in_the_work_leaves_no_reader_behind(site_path, wrong_way_video, tmp_path):
    def crash(number):
        if number == 10:
            raise RuntimeError("the detector broke")

    with pytest.raises(RuntimeError, match="broke"):
        analyse(site_path, tmp_path / "out", [wrong_way_video], BlockDetector(crash))
    assert not [t for t in threading.enumerate() if t.name == "read-ahead"]
    assert len(leftovers_of(tmp_path / "out")) == 1
    heard = Heard()
    analyse(site_path, tmp_path / "out", [wrong_way_video], listener=heard)
    assert heard.from_log == 9


def test_a_record_that_is_deleted_while_its_evidence_is_made_ends_no_run(
    site_path, wrong_way_video, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    record = EvidenceRecorder.record
    deleted = []

    def deleted_meanwhile(recorder, violation, *case):
        if not deleted:
            deleted.append(violation.id)
            with open_records(out, "mai") as records:
                purge(records, subject(records, violation.id), "asked for")
        return record(recorder, violation, *case)

    monkeypatch.setattr(EvidenceRecorder, "record", deleted_meanwhile)
    [outcome] = analyse(site_path, out, [wrong_way_video])
    assert (outcome.state, outcome.evidence_problems) == (FileState.DONE, 0)
    [left] = rows_of(out)["violations"]
    assert set(packages_of(out)) == {left["id"]}
    assert left["id"] not in deleted
