"""`traffic-ai process`: what it prints, and how it ends when interrupted or the disk fails."""

import json

import pytest

from tests.blocks import (
    WRONG,
    frame_count,
    leftovers_of,
    packages_of,
    rows_of,
    write_blocks,
    write_site,
)
from tests.broker import Receiver, held_port
from tests.mounts import needs_mounts

SIGINT_AT_30 = "30 SIGINT"


def test_what_was_found_is_told(call, site_path, video, tmp_path):
    out = tmp_path / "out"
    called = call("process", video, "--site", site_path, "--out", out)
    assert called.code == 0
    assert called.err.count("wrong way: car in lane east") == len(WRONG)
    assert "wrong.mp4: done" in called.err
    assert called.out.startswith("1 of 1 files done\n2 new violations")
    assert f"traffic-ai export {out}" in called.out
    assert not called.err.endswith("\n\n")
    again = call("process", video, "--site", site_path, "--out", out)
    assert again.code == 0
    assert again.out.startswith("1 of 1 files skipped\n0 new violations")


def test_the_summary_as_json_is_complete(call, site_path, video, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    called = call("process", bad, video, "--site", site_path, "--out", tmp_path / "o", "--json")
    assert called.code == 1
    summary = json.loads(called.out)
    assert summary["out"] == str(tmp_path / "o")
    failed, done = summary["files"]
    assert (failed["state"], failed["frames"]) == ("failed", 0)
    assert "bad.mp4" in failed["message"]
    assert (done["state"], done["frames"], done["violations"]) == ("done", frame_count(), 2)
    assert sorted(done["new_violations"]) == [
        row["id"] for row in rows_of(tmp_path / "o")["violations"]
    ]


def test_a_bad_file_makes_the_exit_code_1_and_the_rest_is_done(call, site_path, video, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a.mp4").write_text("no video")
    (folder / "b.mp4").write_bytes(video.read_bytes())
    called = call("process", folder, "--site", site_path, "--out", tmp_path / "out")
    assert called.code == 1
    assert "a.mp4: failed" in called.err
    assert "1 of 2 files done\n1 of 2 files failed\n" in called.out
    assert "Traceback" not in called.err


def test_a_file_in_place_of_the_run_folder_is_wrong_input(call, site_path, video, tmp_path):
    (tmp_path / "out").write_text("notes")
    called = call("process", video, "--site", site_path, "--out", tmp_path / "out")
    assert (called.code, called.out) == (2, "")
    assert "out is a file, not a run folder; name another with --out" in called.err
    assert (tmp_path / "out").read_text() == "notes"


def test_warnings_of_the_site_file_are_told(call, video, tmp_path):
    site = write_site(tmp_path / "site.yaml")
    text = site.read_text()
    site.write_text(text.replace("    rules:", "    source: rtsp://u:secret@cam/1\n    rules:"))
    called = call("process", video, "--site", site, "--out", tmp_path / "out")
    assert called.code == 0
    assert "warning: " in called.err
    assert "secret" not in called.err + called.out


def test_a_start_time_dates_what_was_found(call, site_path, video, tmp_path):
    began = "2026-01-31T08:00:00+07:00"
    out = tmp_path / "out"
    called = call("process", video, "-s", site_path, "-o", out, "--start-time", began)
    assert called.code == 0
    assert {row["occurred_at"][:14] for row in rows_of(out)["violations"]} == {"2026-01-31T01:"}
    assert "2026-01-31T01:00:0" in called.err


@pytest.fixture
def clean(call, site_path, video, tmp_path):
    """The rows of a run that nothing disturbed."""
    call("process", video, "-s", site_path, "-o", tmp_path / "clean")
    return rows_of(tmp_path / "clean")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_run_ends_with_130_and_goes_on_later(
    command, call, site_path, video, tmp_path, clean, name
):
    out = tmp_path / "out"
    ended = command("process", video, "-s", site_path, "-o", out, "--json", at=f"30 {name}")
    assert ended.code == 130
    assert "stopping after the frame in work" in ended.err
    assert "wrong.mp4: interrupted (run again to go on)" in ended.err
    assert "Traceback" not in ended.err
    [file] = json.loads(ended.out)["files"]
    assert file["state"] == "interrupted"
    assert 30 <= file["frames"] < frame_count()  # of which 30 were looked at
    again = call("process", video, "-s", site_path, "-o", out)
    assert again.code == 0
    assert rows_of(out) == clean
    assert leftovers_of(out) == []


def test_ctrl_c_while_the_detector_is_loaded_ends_with_130(command, site_path, video, tmp_path):
    ended = command("process", video, "-s", site_path, "-o", tmp_path / "out", at="0 SIGINT")
    assert ended.code == 130
    assert "Traceback" not in ended.err


def test_a_run_folder_that_cannot_be_made_is_named(call, site_path, video, tmp_path):
    (tmp_path / "file").touch()
    called = call("process", video, "-s", site_path, "-o", tmp_path / "file" / "out")
    assert called.code == 1
    assert f"error: cannot make the run folder {tmp_path}/file/out" in called.err


ON_SMALL_DISK = 'mount -t tmpfs -o size=$1k none "$2" && shift 2 && exec "$@"'
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


@needs_mounts
def test_a_read_only_run_folder_ends_with_1_and_words(command, site_path, video, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    prefix = ["unshare", "-Urm", "sh", "-c", READ_ONLY, "sh", str(out)]
    ended = command("process", video, "-s", site_path, "-o", out, prefix=prefix)
    assert ended.code == 1
    assert str(out) in ended.err
    assert "permissions" in ended.err or "folder" in ended.err
    assert "Traceback" not in ended.err


@needs_mounts
@pytest.mark.parametrize(
    ("size_kb", "said"),
    [
        (40, ["error: cannot open the store"]),
        (300, ["failed (no evidence of 2 violations", "the disk is full; nothing of this step"]),
    ],
)
def test_a_full_disk_ends_with_1_and_words(command, site_path, tmp_path, size_kb, said):
    """Too small for the store, and for the evidence beside it: there what is written first, the
    store's next entry or a package that is given up again, finds the room.
    """
    out = tmp_path / "out"
    out.mkdir()
    long = write_blocks(tmp_path / "long.mp4", WRONG, 40.0, step_ms=40)
    prefix = ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", str(size_kb), str(out)]
    ended = command("process", long, "-s", site_path, "-o", out, prefix=prefix)
    assert "Traceback" not in ended.err
    assert ended.code == 1
    assert any(words in ended.err for words in said)


@needs_mounts
def test_a_disk_that_fills_up_leaves_a_run_that_can_go_on(command, call, site_path, tmp_path):
    """The log of detections has a small disk to itself, so that it is the first to fail."""
    video = write_blocks(tmp_path / "long.mp4", WRONG, 16.0, step_ms=40)
    run = ("process", video, "-s", site_path, "--every-frame")
    call(*run, "-o", tmp_path / "clean")
    out = tmp_path / "out"
    folder = out / ".unfinished"
    folder.mkdir(parents=True)
    prefix = ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", "4", str(folder)]
    ended = command(*run, "-o", out, prefix=prefix)
    assert ended.code == 1
    assert f"error: cannot write {folder}" in ended.err
    assert "No space left" in ended.err
    assert "Traceback" not in ended.err
    assert call(*run, "-o", out).code == 0
    assert rows_of(out) == rows_of(tmp_path / "clean")
    assert len(packages_of(out)) == len(WRONG)
    assert leftovers_of(out) == []


@pytest.fixture
def port():
    with held_port() as port:
        yield port


def test_those_whom_the_site_file_names_are_told_now_or_with_the_next_run(
    call, site_path, video, tmp_path, monkeypatch, port
):
    monkeypatch.setenv("HOOK_SECRET", "k" * 32)
    hook = f"{{url: 'http://127.0.0.1:{port}/', secret: '${{HOOK_SECRET}}'}}"
    site_path.write_text(site_path.read_text() + f"delivery: {{webhooks: [{hook}]}}\n")
    out = tmp_path / "out"
    called = call("process", video, "--site", site_path, "--out", out)
    assert called.code == 0
    # Each with its evidence's.
    assert f"4 messages wait; the next run on {out} delivers them" in called.err
    receiver = Receiver(port)
    try:
        again = call("process", video, "--site", site_path, "--out", out)
        told = [json.loads(body) for _, body in receiver.taken]
    finally:
        receiver.close()
    assert (again.code, "messages wait" in again.err) == (0, False)
    # Evidence is written beside the analysis, which may find the next violation meanwhile.
    for subject in packages_of(out):
        of_one = [event["type"] for event in told if event["subject"] == subject]
        assert [name.rpartition(".")[2] for name in of_one] == ["new", "update"]
    assert len(told) == 4
