"""Batches of recorded files: what is found, what is skipped, what is said of bad files."""

import json
import os
import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.batch.runs import Heard, analyse
from tests.blocks import (
    WRONG,
    Block,
    BlockDetector,
    frame_count,
    leftovers_of,
    packages_of,
    rows_of,
    write_blocks,
    write_site,
)
from traffic_ai.batch.outcome import FileState
from traffic_ai.core.errors import ConfigError, StoreError, UsageError
from traffic_ai.sources.file import VideoFile


def alter_again_and_again(path, stop):
    while not stop.wait(0.05):
        os.utime(path)


@contextmanager
def ended(work, *arguments):
    """`work` runs beside the block, until its last argument, an event, is set."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(*arguments, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def states(outcomes):
    return [(outcome.path.name, outcome.state) for outcome in outcomes]


def test_violations_come_with_their_evidence(site_path, wrong_way_video, tmp_path):
    out, heard = tmp_path / "out", Heard()
    [outcome] = analyse(site_path, out, [wrong_way_video], listener=heard)
    assert outcome.state is FileState.DONE
    assert outcome.frame_count == frame_count()
    assert outcome.violation_count == len(WRONG)
    rows = rows_of(out)["violations"]
    assert [row["kind"] for row in rows] == ["wrong_way"] * len(WRONG)
    # Each is confirmed while its block crosses the picture.
    for block, t_s in zip(WRONG, sorted(row["t_s"] for row in rows), strict=True):
        assert block.at_s < t_s < block.at_s + block.lasts_s
    assert {row["id"] for row in rows} == set(packages_of(out)) == set(heard.found)
    for row in rows:
        assert row["evidence_state"] == "written"
        package = out / row["evidence_path"]
        manifest = json.loads((package / "manifest.json").read_text())
        assert manifest["violation"] == json.loads(row["document"])
        assert manifest["problems"] == []
        clip = VideoFile(package / manifest["clip"]["file"], "gate")
        assert len(list(clip.frames())) > 10
        clip.close()
    assert leftovers_of(out) == []


def test_vehicles_in_the_lanes_direction_are_no_violation(site_path, tmp_path):
    video = write_blocks(tmp_path / "right.mp4", [Block(0.2, leftwards=False)], 2.2)
    [outcome] = analyse(site_path, tmp_path / "out", [video])
    assert (outcome.state, outcome.violation_count) == (FileState.DONE, 0)


def test_bad_files_are_reported_and_the_others_done(site_path, wrong_way_video, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    out, heard = tmp_path / "out", Heard()
    gone = tmp_path / "gone.mp4"
    paths = [text, empty, gone, wrong_way_video]
    outcomes = analyse(site_path, out, paths, listener=heard)
    assert [state for _, state in states(outcomes)] == [FileState.FAILED] * 3 + [FileState.DONE]
    for path, outcome in zip(paths[:3], outcomes, strict=False):
        assert str(path) in outcome.message
    assert outcomes == heard.ended
    assert heard.begun == [("wrong.mp4", 4, 4)]
    assert len(rows_of(out)["violations"]) == len(WRONG)


def test_a_truncated_file_gives_what_it_holds_and_says_so(site_path, tmp_path):
    whole = write_blocks(tmp_path / "whole.ts")
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    [outcome] = analyse(site_path, tmp_path / "out", [cut])
    assert outcome.state is FileState.DONE
    assert 0 < outcome.frame_count < frame_count()
    assert outcome.violation_count == 1


@pytest.mark.parametrize("suffix", ["ts", "mkv"])
def test_a_file_that_is_being_written_is_left_for_later(site_path, tmp_path, suffix):
    whole = write_blocks(tmp_path / f"whole.{suffix}").read_bytes()
    growing, out = tmp_path / f"growing.{suffix}", tmp_path / "out"
    detector = BlockDetector()
    with growing.open("wb") as recorder, ended(alter_again_and_again, growing):
        recorder.write(whole[: len(whole) * 6 // 10])
        recorder.flush()
        [outcome] = analyse(site_path, out, [growing], detector)
        assert outcome.state is FileState.SKIPPED
        assert "still being written" in outcome.message
        assert detector.calls == 0
        recorder.write(whole[len(whole) * 6 // 10 :])
    [outcome] = analyse(site_path, out, [growing])
    assert outcome.state is FileState.DONE
    assert len(rows_of(out)["violations"]) == len(WRONG)


def test_a_file_that_somebody_keeps_open_but_leaves_alone_is_analysed(
    site_path, wrong_way_video, tmp_path
):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(wrong_way_video.read_bytes())
    os.utime(copy, (0, 0))
    with copy.open("ab"):
        [outcome] = analyse(site_path, tmp_path / "out", [copy])
    assert outcome.state is FileState.DONE


def test_a_deed_that_overlapping_recordings_hold_is_pointed_out(tmp_path, wrong_way_video):
    """Records of one recording are never held against each other, nor those without a clock."""
    camera = {
        "id": "gate",
        "start_time_pattern": "cam_%Y%m%d_%H%M%S",
        "recordings": "cam_*",
    }
    site = write_site(tmp_path / "site.yaml", camera)
    first, second = tmp_path / "cam_20260302_080000.mp4", tmp_path / "cam_20260302_080001.mp4"
    first.write_bytes(wrong_way_video.read_bytes())
    write_blocks(second, [Block(b.at_s - 1.0, b.lasts_s) for b in WRONG], 3.4)
    later = tmp_path / "cam_20260302_090000.mp4"
    write_blocks(later, [Block(0.3)], 2.2)
    outcomes = analyse(site, tmp_path / "out", [first, second, later])
    notes = [outcome.notes for outcome in outcomes]
    assert notes[0] == notes[2] == []
    [note] = notes[1]
    assert "may be recorded already" in note
    known = {violation.id[:12] for violation in outcomes[0].new_violations}
    assert any(f"as {known_id}" in note for known_id in known)


def test_a_file_that_changes_under_the_analysis_is_not_done(site_path, wrong_way_video, tmp_path):
    growing = tmp_path / "growing.mp4"
    growing.write_bytes(wrong_way_video.read_bytes())

    def append(call):
        if call == 3:
            with growing.open("ab") as file:
                file.write(b"more")

    [outcome] = analyse(site_path, tmp_path / "out", [growing], BlockDetector(append))
    assert outcome.state is FileState.FAILED
    assert "changed while it was analysed" in outcome.message


def test_a_file_that_ends_before_its_stated_length_says_so(site_path, tmp_path):
    whole = write_blocks(tmp_path / "whole.mkv")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    notes = [o.notes for o in analyse(site_path, tmp_path / "out", [whole, cut])]
    assert notes[0] == []
    assert any("before the length the file states" in note for note in notes[1])


def test_a_picture_of_another_shape_than_the_site_was_drawn_on_fails_that_file(
    wrong_way_video, tmp_path
):
    site = tmp_path / "site.yaml"
    camera = {"id": "gate", "coordinates": {"unit": "pixels", "reference_size": [100, 100]}}
    text = write_site(site, camera).read_text()
    for share in ("0.01", "0.02", "0.3", "0.55", "0.8", "0.98", "0.99"):
        text = text.replace(share, str(float(share) * 100))
    site.write_text(text)
    [outcome] = analyse(site, tmp_path / "out", [wrong_way_video])
    assert outcome.state is FileState.FAILED
    assert "192x108" in outcome.message


def test_run_again_everything_is_skipped_and_nothing_doubled(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video])
    before = rows_of(out)
    written = {path: path.stat().st_mtime_ns for path in packages_of(out).values()}
    detector = BlockDetector()
    [outcome] = analyse(site_path, out, [wrong_way_video], detector)
    assert (outcome.state, outcome.message) == (FileState.SKIPPED, "already done")
    assert detector.calls == 0
    assert rows_of(out) == before
    assert {path: path.stat().st_mtime_ns for path in packages_of(out).values()} == written


def test_a_copy_under_another_name_is_not_analysed_again(site_path, wrong_way_video, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(wrong_way_video.read_bytes())
    outcomes = analyse(site_path, tmp_path / "out", [wrong_way_video, copy])
    assert [state for _, state in states(outcomes)] == [FileState.DONE, FileState.SKIPPED]
    assert len(rows_of(tmp_path / "out")["violations"]) == len(WRONG)


def test_another_site_file_is_another_analysis(wrong_way_video, tmp_path):
    site, out = tmp_path / "site.yaml", tmp_path / "out"
    analyse(write_site(site), out, [wrong_way_video])
    text = site.read_text().replace("wrong_way:", "wrong_way: {min_duration_s: 0.7}")
    site.write_text(text)
    [outcome] = analyse(site, out, [wrong_way_video])
    assert outcome.state is FileState.DONE
    assert len({row["config_hash"] for row in rows_of(out)["violations"]}) == 2


def test_another_detector_is_another_analysis(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video])
    other = BlockDetector()
    other.model_hash = "c" * 64
    [outcome] = analyse(site_path, out, [wrong_way_video], other)
    assert outcome.state is FileState.DONE
    assert other.calls == frame_count()


def test_the_files_of_several_cameras_go_to_their_own(tmp_path, wrong_way_video):
    site = write_site(
        tmp_path / "site.yaml",
        {"id": "north", "recordings": "n_*"},
        {"id": "south", "recordings": "s_*"},
    )
    north, south = tmp_path / "n_1.mp4", tmp_path / "s_1.mp4"
    for path in (north, south):
        path.write_bytes(wrong_way_video.read_bytes())
    out = tmp_path / "out"
    outcomes = analyse(site, out, [north, south])
    # The same bytes, but of two cameras: two analyses.
    assert [(o.camera_id, o.state) for o in outcomes] == [
        ("north", FileState.DONE),
        ("south", FileState.DONE),
    ]
    rows = rows_of(out)["violations"]
    assert sorted(row["camera_id"] for row in rows) == ["north"] * 2 + ["south"] * 2
    assert len({row["id"] for row in rows}) == 4, "the ids of two cameras are apart"
    assert len(packages_of(out)) == 4


def test_a_file_of_no_clear_camera_ends_the_batch_before_its_first_file(tmp_path, wrong_way_video):
    site = write_site(tmp_path / "site.yaml", {"id": "a"}, {"id": "b"})
    with pytest.raises(ConfigError, match="--camera"):
        analyse(site, tmp_path / "out", [wrong_way_video])
    assert not (tmp_path / "out").exists()


BEGAN = datetime(2026, 1, 31, 1, 0, tzinfo=UTC)


def occurred(out):
    """(wall-clock time, its source, seconds into the recording) of each violation."""
    return [
        (datetime.fromisoformat(row["occurred_at"]), row["occurred_at_source"], row["t_s"])
        for row in rows_of(out)["violations"]
    ]


def test_a_given_start_time_dates_the_records(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video], begins_at=BEGAN)
    for moment, source, t_s in occurred(out):
        assert abs((moment - BEGAN).total_seconds() - t_s) < 1e-3
        assert source == "given_start_time"
    days = {path.parent.name for path in packages_of(out).values()}
    assert days == {"2026-01-31"}


def test_the_same_recording_with_another_start_time_is_another_analysis(
    site_path, wrong_way_video, tmp_path
):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video], begins_at=BEGAN)
    later = BEGAN + timedelta(hours=1)
    [again] = analyse(site_path, out, [wrong_way_video], begins_at=BEGAN)
    [other] = analyse(site_path, out, [wrong_way_video], begins_at=later)
    assert (again.state, other.state) == (FileState.SKIPPED, FileState.DONE)
    assert {moment.hour for moment, _, _ in occurred(out)} == {1, 2}


def test_the_file_name_dates_the_records_in_the_cameras_zone(tmp_path, wrong_way_video):
    camera = {
        "id": "gate",
        "start_time_pattern": "cam_%Y%m%d_%H%M%S",
        "time_zone": "Asia/Bangkok",
    }
    video = tmp_path / "cam_20260131_080000.mp4"
    video.write_bytes(wrong_way_video.read_bytes())
    analyse(write_site(tmp_path / "site.yaml", camera), tmp_path / "out", [video])
    for moment, source, t_s in occurred(tmp_path / "out"):
        assert abs((moment - BEGAN).total_seconds() - t_s) < 1e-3
        assert source == "file_name"


def test_without_evidence_none_is_written_and_the_records_say_pending(
    site_path, wrong_way_video, tmp_path
):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video], write_evidence=False)
    assert {row["evidence_state"] for row in rows_of(out)["violations"]} == {"pending"}
    assert packages_of(out) == {}


def test_a_store_that_is_not_one_ends_the_batch(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "violations.sqlite").write_text("something else entirely, and long enough" * 50)
    with pytest.raises(StoreError, match="not a SQLite database"):
        analyse(site_path, out, [wrong_way_video])


def test_a_run_folder_that_is_a_file_is_named(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    out.touch()
    with pytest.raises(UsageError, match=f"{out}.*--out"):
        analyse(site_path, out, [wrong_way_video])


def test_the_store_tells_what_became_of_each_source(site_path, wrong_way_video, tmp_path):
    out = tmp_path / "out"
    analyse(site_path, out, [wrong_way_video])
    connection = sqlite3.connect(out / "violations.sqlite")
    [row] = connection.execute("SELECT state, frame_count, duration_s, location FROM sources")
    connection.close()
    last_s = 0.08 * (frame_count() - 1)
    assert row == ("done", frame_count(), pytest.approx(last_s), str(wrong_way_video))
