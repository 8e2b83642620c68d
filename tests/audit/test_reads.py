"""Who looked at a record stands in its camera's chain; where that cannot be, it is said."""

import json
import os
import shutil

import pytest

from tests.audit.test_verify_altered import OUTSIDER
from tests.blocks import packages_of
from tests.mounts import needs_mounts, run_with_read_only
from traffic_ai.audit.records import MOST_NAMED, note_packages_read
from traffic_ai.audit.verify import verify
from traffic_ai.evidence.chain import Chain


def reads(run):
    """The payloads of the chain's entries about reading."""
    return [dict(entry.payload) for entry in Chain(run / "evidence", "gate").entries(("read",))]


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        (("explain", "{id}", "{run}", "-o", "{page}"), "explain"),
        (("explain", "{package}", "--only-words"), "explain"),
        (("replay", "{package}"), "replay"),
        (("replay", "{package}", "--from-clip"), "replay from clip"),
        (("review", "{run}", "show", "{id}"), "show"),
        (("export", "{run}", "--record", "{id}", "--pictures", "{page}"), "covered pictures"),
    ],
)
def test_a_look_at_a_record_is_entered_with_who_and_how(run_copy, call, tmp_path, arguments, how):
    record, package = min(packages_of(run_copy).items())
    places = {"id": record, "run": run_copy, "package": package, "page": tmp_path / "page"}
    called = call(*(word.format(**places) for word in arguments), "--by", "mai")
    assert called.code == 0
    assert reads(run_copy) == [{"by": "mai", "how": how, "records": [record]}]
    assert verify(run_copy).problems == OUTSIDER.check(run_copy).problems == []


def test_a_replay_of_a_whole_run_names_its_records(run_copy, call):
    call("replay", run_copy, "--by", "mai")
    [read] = reads(run_copy)
    assert sorted(read["records"]) == sorted(packages_of(run_copy))


def test_of_very_many_records_the_number_is_entered(run_copy):
    folder = min(packages_of(run_copy).values()).parent
    many = [folder / f"{n:032x}" for n in range(MOST_NAMED + 1)]
    assert note_packages_read(many, "replay", "mai", lambda: None) == []
    assert reads(run_copy) == [{"by": "mai", "how": "replay", "count": MOST_NAMED + 1}]


def test_an_export_as_a_table_is_entered_too(run_copy, call):
    call("export", run_copy, "--by", "mai", "-o", os.devnull)
    assert reads(run_copy) == [{"by": "mai", "how": "export csv", "count": 2}]


def test_a_list_is_entered_too_and_the_beginning_of_an_id_is_enough_for_an_export(run_copy, call):
    assert call("review", run_copy, "list", "--by", "mai").code == 0
    record = min(packages_of(run_copy))
    exported = call("export", run_copy, "--record", record[:8], "--by", "mai")
    assert exported.out.count("\n") == 2
    assert record in exported.out
    refused = call("export", run_copy, "--record", "gone", "--by", "mai")
    assert (refused.code, "there is no record 'gone'" in refused.err) == (2, True)
    assert reads(run_copy) == [
        {"by": "mai", "how": "list", "count": 2},
        {"by": "mai", "how": "export csv", "count": 1},
    ]


def test_without_the_key_of_a_signed_chain_the_record_is_shown_and_the_lack_said(
    run_copy, call, tmp_path
):
    call("keys", "init")
    call("replay", run_copy, "--by", "mai")
    shutil.rmtree(tmp_path / "keys")
    before = (run_copy / "evidence" / "gate" / "chain.jsonl").read_bytes()
    called = call("explain", min(packages_of(run_copy).values()), "--only-words", "--by", "mai")
    assert (called.code, called.out.startswith("wrong way")) == (0, True)
    assert "note: the chain of 'gate' does not say that you read it" in called.err
    assert "there is no key here" in called.err
    assert (run_copy / "evidence" / "gate" / "chain.jsonl").read_bytes() == before


def test_a_package_away_from_its_run_is_shown_and_the_lack_said(run_copy, call, tmp_path):
    taken = shutil.copytree(min(packages_of(run_copy).values()), tmp_path / "exhibit")
    for command in (["explain", taken, "--only-words"], ["replay", taken, "--json"]):
        called = call(*command)
        assert called.code == 0
        assert "note: no chain says that you read this" in called.err
    assert json.loads(called.out)[0]["same"]


@needs_mounts
def test_a_run_folder_that_cannot_be_written_is_shown_and_the_lack_said(run_copy):
    package = min(packages_of(run_copy).values())
    script = "import sys; from traffic_ai.cli.main import main; main()"
    ended = run_with_read_only(run_copy, script, "replay", package)
    assert ended.returncode == 0
    assert "come out the same" in ended.stdout
    assert "does not say that you read it" in ended.stderr


def test_a_damaged_chain_does_not_keep_a_record_from_being_read(run_copy, call):
    (run_copy / "evidence" / "gate" / "chain.jsonl").write_text("broken\n")
    called = call("replay", run_copy)
    assert called.code == 0
    assert "note: no chain says that you read this" in called.err
