"""Alterations that aim at the verifiers: where they do not look, and what they say on a screen.

Nobody here has the signer's key, but everything else: package, chain, store and their own key.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from tests import sealed
from tests.audit.test_verify import (
    TOOL,
    VIOLATIONS,
    add,
    both,
    change,
    package,
    run,
    signer,
    template,
)
from tests.audit.test_verify_altered import OUTSIDER
from tests.cli.conftest import call, no_key
from tests.records import KEY, START, violation
from traffic_ai.audit import verify as verify_module
from traffic_ai.audit.handout import hand_out
from traffic_ai.audit.purge import purge, subject
from traffic_ai.audit.records import open_records
from traffic_ai.audit.verify import read_heads, verify
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.evidence.keys import make_key, rotate_key
from traffic_ai.evidence.seal import Entry, Head
from traffic_ai.sinks.csv import COLUMNS
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter

__all__ = ["call", "no_key", "run", "signer", "template"]

ESCAPE = "at.jpg\x1b[1A\x1b[2K\r\n4 packages, nothing wrong with them"


@pytest.fixture
def forger(tmp_path):
    return make_key(tmp_path / "forger")


@pytest.fixture
def chain_file(run):
    return run / "evidence" / "gate" / "chain.jsonl"


def entries(chain_file):
    return [Entry.read(line) for line in chain_file.read_bytes().splitlines()]


def following(last, signer, **changes):
    """An entry that comes next, signed with a key or with none."""
    key = signer.public_key if signer else None
    made = replace(
        last, sequence=last.sequence + 1, previous=last.sha256, public_key=key, signature=None
    )
    made = replace(made, **changes)
    return made.with_signature(signer.sign(made.signed_bytes)) if signer else made


def accused(run, signer, heads=()):
    """Both verifiers, who know the key, find something."""
    ours, theirs = both(run, [signer.public_key], heads)
    assert ours, "not found by verify"
    assert theirs, "not found by the second verifier"
    return ours, theirs


# -- what is looked at -----------------------------------------------------------------------------


@pytest.mark.parametrize("disguise", ["evidence", "violations.sqlite"])
def test_a_package_cannot_pass_for_an_empty_run(run, signer, disguise):
    folder = package(run)
    (folder / "at.jpg").write_bytes(b"no red light")
    if disguise == "evidence":
        (folder / disguise).mkdir()
    else:
        ViolationStore.open(folder / disguise).close()
    accused(folder, signer)


def test_a_run_cannot_pass_for_a_package(run, signer):
    shutil.rmtree(package(run))
    for name in ("manifest.json", "seal.json"):
        shutil.copy(next((run / "evidence").glob(f"*/*/*/*/{name}")), run / name)
    accused(run, signer)


@pytest.mark.parametrize(
    "name",
    ["AT.JPG", "at.jpg ", "at.jpg.", "at\u200b.jpg", "\u0430t.jpg", "seal.json~", "Thumbs.db"],
)
def test_a_file_with_nearly_the_name_of_another_is_told(run, signer, name):
    (package(run) / name).write_bytes(b"another picture")
    accused(run, signer)


def test_the_same_name_in_other_letters_is_another_file(run, signer):
    (package(run) / "at.jpg").rename(package(run) / "AT.jpg")
    accused(run, signer)


def test_a_hard_link_is_as_good_as_what_it_holds(run, signer, tmp_path):
    os.link(package(run) / "at.jpg", tmp_path / "kept.jpg")
    assert both(run, [signer.public_key]) == ([], [])
    (tmp_path / "kept.jpg").write_bytes(b"PICTURE")
    accused(run, signer)


def test_a_seal_that_fills_the_disk_is_not_read(run, signer):
    with (package(run) / "seal.json").open("r+b") as stream:
        stream.truncate(1 << 40)
    accused(run, signer)
    accused(package(run), signer)


# -- what is added to the end ----------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_nobody_without_the_key_can_delete(run, signer, forger, chain_file, waiting, signed):
    """The package, its row and its decisions go, and an entry says that its keeper removed it."""
    last = entries(chain_file)[-1]
    folder = package(run)
    payload = {
        "path": folder.relative_to(chain_file.parent).as_posix(),
        "record": folder.name,
        "why": "appeal upheld",
        "by": "mai",
    }
    entry = following(last, forger if signed else None, kind="deletion", payload=payload)
    shutil.rmtree(folder)
    if waiting:
        (chain_file.parent / "chain.next").write_bytes(entry.line)
    else:
        with chain_file.open("ab") as stream:
            stream.write(entry.line)
    change(run, "DELETE FROM violations WHERE id = ?", folder.name)
    accused(run, signer)


@pytest.mark.parametrize("kind", ["deletion", "package", "review", "read", "key"])
@pytest.mark.parametrize("value", [[], {}, 7, None, "", "..", "/etc", "\n"])
def test_an_entry_that_waits_may_hold_anything(run, signer, forger, chain_file, kind, value):
    payload = {"path": value, "record": value, "manifest_sha256": "0" * 64, "handovers": value}
    last = entries(chain_file)[-1]
    for key in (forger, None):
        entry = following(last, key, kind=kind, payload=payload)
        (chain_file.parent / "chain.next").write_bytes(entry.line)
        ours, theirs = both(run, [signer.public_key])
        assert bool(ours) == bool(theirs)


def test_an_older_entry_cannot_be_put_at_the_end_again(run, signer, chain_file):
    lines = chain_file.read_bytes().splitlines(keepends=True)
    (chain_file.parent / "chain.next").write_bytes(lines[0])
    assert both(run, [signer.public_key]) == ([], [])  # it counts for nothing
    chain_file.write_bytes(b"".join([*lines, lines[0]]))
    accused(run, signer)


# -- keys ------------------------------------------------------------------------------------------


def handovers(signer, forger, how):
    """Handovers that lead to the forger's key, or would seem to."""
    ours = signer.taken_over[signer.public_key].json
    made = replace(
        signer.taken_over[signer.public_key], old=signer.public_key, new=forger.public_key
    )
    return {
        "none": [],
        "of others": [ours],
        "with an old signature": [made.json],
        "signed by who takes over": [made.with_signature(forger.sign(made.signed_bytes)).json],
        "unsigned": [{**made.json, "signature": None}],
        "twice": [ours, ours],
        "no list": {"old": signer.public_key, "new": forger.public_key},
        "with more in it": [{**made.json, "note": "x"}],
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "none",
        "of others",
        "with an old signature",
        "signed by who takes over",
        "unsigned",
        "twice",
        "no list",
        "with more in it",
    ],
)
def test_no_key_takes_over_that_was_not_handed_to(run, forger, tmp_path, chain_file, how):
    new = rotate_key(tmp_path / "keys")
    chain = sealed.chain(run, signer=new)
    chain.add("read", {"by": "mai", "how": "show", "records": []})
    payload = {"handovers": handovers(new, forger, how)}
    entry = following(entries(chain_file)[-1], forger, kind="key", payload=payload)
    with chain_file.open("ab") as stream:
        stream.write(entry.line)
    accused(run, new)


def test_a_key_that_handed_over_signs_no_more(run, signer, tmp_path, chain_file):
    new = rotate_key(tmp_path / "keys")
    sealed.chain(run, signer=new).add("read", {"by": "mai", "how": "show", "records": []})
    assert both(run, [new.public_key, signer.public_key]) == ([], [])
    with chain_file.open("ab") as stream:
        stream.write(following(entries(chain_file)[-1], signer).line)
    accused(run, new)


# -- heads -----------------------------------------------------------------------------------------


def test_a_head_of_somebody_else_vouches_for_nothing(run, signer, forger, chain_file):
    """The end is cut off, and the deposited head is replaced by one of what is left."""
    chain_file.write_bytes(b"".join(chain_file.read_bytes().splitlines(keepends=True)[:3]))
    shutil.rmtree(package(run))
    change(run, "DELETE FROM violations WHERE kind = 'speeding'")
    last = entries(chain_file)[-1]
    head = Head("gate", last.sequence, last.sha256, last.sealed_at, forger.public_key)
    accused(run, signer, [head.with_signature(forger.sign(head.signed_bytes))])
    unsigned = replace(head, public_key=None)
    report = verify(run, [signer.public_key], [unsigned])
    theirs = OUTSIDER.check(run, [signer.public_key], [json.loads(unsigned.line)])
    assert "the head is not signed" in str(report.notes)
    assert "the head is not signed" in str(theirs.notes)


@pytest.mark.parametrize(
    "change_",
    [
        {"signature": None},
        {"public_key": None},
        {"signature": 7},
        {"public_key": "x"},
        {"sequence": True},
        {"sequence": "3"},
        {"sequence": 0},
        {"entry_sha256": 7},
        {"entry_sha256": ""},
        {"camera_id": None},
        {"taken_at": 7},
    ],
)
def test_a_head_that_is_damaged_is_refused_or_accused(run, signer, tmp_path, change_):
    head = json.loads(sealed.chain(run, signer=signer).head().line)
    path = tmp_path / "head"
    path.write_bytes(OUTSIDER.canonical({**head, **change_}) + b"\n")
    for read, check in ((read_heads, verify), (OUTSIDER.read_heads, OUTSIDER.check)):
        try:
            heads = read(path)
        except (UsageError, OUTSIDER.FormatError):
            continue
        assert check(run, [signer.public_key], heads).problems


# -- the store -------------------------------------------------------------------------------------


def rebuilt(run, *statements):
    """The store with its tables made anew by whoever has the file."""
    with sqlite3.connect(run / "violations.sqlite") as connection:
        connection.executescript(";".join(statements))
    connection.close()


def test_a_second_row_of_a_record_is_told(run, signer):
    """A table without its key takes two rows of one id; the second says that it has no package."""
    rebuilt(
        run,
        "CREATE TABLE two AS SELECT * FROM violations",
        "INSERT INTO two SELECT * FROM violations WHERE kind = 'speeding'",
        "UPDATE two SET evidence_state = 'pending', evidence_path = NULL, speed_kmh = 183, "
        "document = replace(document, '83.456', '183.456') WHERE rowid = (SELECT max(rowid) "
        "FROM two)",
        "DROP TABLE violations",
        "ALTER TABLE two RENAME TO violations",
    )
    accused(run, signer)


def test_a_view_in_the_place_of_a_table_is_told(run, signer):
    """A view can say one thing today and another tomorrow."""
    rebuilt(
        run,
        "ALTER TABLE violations RENAME TO kept",
        "CREATE VIEW violations AS SELECT * FROM kept",
    )
    accused(run, signer)


def test_a_trigger_is_told(run, signer):
    rebuilt(
        run,
        "CREATE TRIGGER later AFTER UPDATE ON reviews BEGIN "
        "UPDATE violations SET speed_kmh = 183; END",
    )
    accused(run, signer)


def put_in(run, path, made):
    """A row of a record that says that its package lies at a path."""
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [made])
        store.set_evidence(made.id, EvidenceState.WRITTEN, path)


@pytest.mark.parametrize("name", [".{id}.1.partial", "..{id}", "{id}"])
@pytest.mark.parametrize("sequence", [5, 999_999])
def test_a_package_that_no_chain_entered_is_not_taken_for_one_sealed_meanwhile(
    run, signer, chain_file, tmp_path, name, sequence
):
    """Process 1 always runs, so a half package of its is never swept, and is only noted."""
    made = violation(t_s=500.0)
    folder = run / "evidence" / "gate" / "speeding" / "2026-05-01" / name.format(id=made.id)
    shutil.copytree(package(run), folder)
    (folder / "manifest.json").write_text(json.dumps({"files": [], "violation": document(made)}))
    path = folder.relative_to(chain_file.parent).as_posix()
    payload = {"path": path, "manifest_sha256": "0" * 64}
    seal = following(entries(chain_file)[-1], None, payload=payload)
    (folder / "seal.json").write_bytes(replace(seal, sequence=sequence).line)
    put_in(run, folder.relative_to(run).as_posix(), made)
    accused(run, signer)
    with open_records(run, "mai", signer) as records:
        record = records.find(made.id)
        if name != "{id}":
            with pytest.raises(EvidenceError, match="which is no package of its"):
                hand_out(records, record, None, tmp_path / "out")


@pytest.mark.parametrize("verifier", ["verify", "the second one"])
def test_a_row_cannot_name_the_package_that_another_was_sealed_in_meanwhile(
    run, signer, monkeypatch, verifier
):
    """The chain goes on while it is read, and a row names what was entered for another."""
    made, other = violation(t_s=500.0), violation(t_s=600.0)
    ours = verifier == "verify"
    module, name = (verify_module, "check_store") if ours else (OUTSIDER.Check, "store")
    check_store = getattr(module, name)

    def sealed_meanwhile(*given):
        path = add(run, sealed.chain(run, signer=signer), made)
        copy = (run / path).parent / other.id
        shutil.copytree(run / path, copy)
        put_in(run, copy.relative_to(run).as_posix(), other)
        check_store(*given)

    monkeypatch.setattr(module, name, sealed_meanwhile)
    check = verify if ours else OUTSIDER.check
    [problem] = check(run, [signer.public_key]).problems
    assert other.id in str(problem)


REVIEWED = ("review_state", "review_reason", "reviewed_by", "reviewed_at")  # in test_review
ALTERED = {
    "id": "f" * 32,
    "kind": "red_light",
    "camera_id": "bridge",
    "lane_id": "lane-9",
    "road_user": "bus",
    "occurred_at": "2026-05-01T03:30:00.000000Z",
    "occurred_at_source": "camera_clock",
    "evidence_state": "failed",
    "evidence_path": "evidence/gate/speeding/2026-05-01/x",
    "evidence_message": "no picture shows the lamp",
}


@pytest.mark.parametrize("column", [c for c in COLUMNS if c not in ("source", *REVIEWED)])
def test_every_column_of_an_export_is_compared(run, signer, column):
    """But `source`, the place of the recording: its SHA-256 is."""
    value = ALTERED.get(column, "9" if column.endswith(("_version", "_hash")) else 0.01)
    change(run, f"UPDATE violations SET {column} = ? WHERE kind = 'speeding'", value)
    accused(run, signer)


@pytest.mark.parametrize("state", ["pending", "lost", b"written"])
def test_a_row_cannot_say_that_its_package_never_came(run, signer, state):
    change(run, "UPDATE violations SET evidence_state = ? WHERE kind = 'speeding'", state)
    accused(run, signer)


def test_a_row_that_does_not_tell_of_its_package_is_noted_by_both(run, signer):
    """As a run leaves it that was ended between the two."""
    change(
        run,
        "UPDATE violations SET evidence_state = 'pending', evidence_path = NULL "
        "WHERE kind = 'speeding'",
    )
    for checked in (verify(run, [signer.public_key]), OUTSIDER.check(run, [signer.public_key])):
        assert checked.problems == []
        assert "1 violations have a package and do not say so" in str(checked.notes)


def listed(run, **wanted):
    """The ids that a list shows."""
    with ViolationStore.open(run / "violations.sqlite", read_only=True) as store:
        return {row.id for row in store.violations(RecordFilter(**wanted))}


@pytest.mark.parametrize(
    "moment",
    ["2026-05-02T02:01:20.000000+23:00", "20260501T030120.000000Z", "2026-05-01 03:01:20+00:00"],
)
def test_the_same_moment_written_otherwise_is_told(run, signer, moment):
    """Lists of a range compare times as text, so the record is of another day in them."""
    made = VIOLATIONS[-1]
    day = {"since": START, "until": START + timedelta(hours=20)}
    assert made.id in listed(run, **day)
    change(run, "UPDATE violations SET occurred_at = ? WHERE id = ?", moment, made.id)
    accused(run, signer)


def test_an_index_that_leaves_rows_out_is_told(run, signer):
    """Lists of one kind are read from it; a look at every row sees them all."""
    with sqlite3.connect(run / "violations.sqlite") as connection:
        index = "WHERE name = 'violations_of_kind'"
        (whole,) = connection.execute(f"SELECT sql FROM sqlite_master {index}").fetchone()
        connection.execute("DROP INDEX violations_of_kind")
        connection.execute(f"{whole} WHERE kind <> 'speeding'")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(f"UPDATE sqlite_master SET sql = ? {index}", (whole,))
    connection.close()
    assert listed(run, kinds=(ViolationKind.SPEEDING,)) == set()
    assert len(listed(run)) == len(VIOLATIONS)
    accused(run, signer)


def test_a_record_that_lists_leave_out_or_hold_twice_is_told(run, signer):
    """A list shows a record with its source."""
    change(run, "UPDATE violations SET source_id = 'none' WHERE kind = 'speeding'")
    assert len(listed(run)) == len(VIOLATIONS) - 1
    accused(run, signer)


def test_a_source_that_stands_twice_is_told(run, signer):
    rebuilt(
        run,
        "CREATE TABLE two AS SELECT * FROM sources",
        "INSERT INTO two SELECT * FROM sources",
        "DROP TABLE sources",
        "ALTER TABLE two RENAME TO sources",
    )
    accused(run, signer)


@pytest.mark.parametrize(
    "manifest",
    ["[]", "{}", '{"violation": "x"}', '{"violation": {}, "problems": 5}', '{"violation": []}'],
)
def test_a_manifest_that_is_none_is_told_though_a_row_names_it(run, signer, manifest):
    (package(run) / "manifest.json").write_text(manifest)
    accused(run, signer)


def speeding_text():
    return json.dumps(document(VIOLATIONS[-1]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"speed_kmh": 83.456', '"speed_kmh": 183.456, "speed_kmh": 83.456'),
        ('"speed_kmh": 83.456', '"speed_kmh": 83.456, "speed_kmh": 183.456'),
        ('"camera_id"', '"camera_id": "bridge", "camera_id"'),
        ('"t_s": 80.0', '"t_s": 80'),
        ('"t_s"', '"note": null, "t_s"'),
    ],
)
def test_a_document_that_another_reader_reads_otherwise_is_told(run, signer, old, new):
    """Of a key that stands twice, some readers take the first and some the last."""
    text = speeding_text()
    assert old in text
    altered = text.replace(old, new, 1)
    change(run, "UPDATE violations SET document = ? WHERE kind = 'speeding'", altered)
    accused(run, signer)


def test_a_document_may_be_written_otherwise(run, signer):
    altered = speeding_text().replace("83.456", "8.3456e1 ")
    change(run, "UPDATE violations SET document = ? WHERE kind = 'speeding'", altered)
    assert both(run, [signer.public_key]) == ([], [])


def test_a_record_that_was_put_in_without_a_package_is_told_of_by_both(run, signer):
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [violation(t_s=500.0)])
    assert "1 violations have no package" in str(verify(run, [signer.public_key]).notes)
    theirs = OUTSIDER.check(run, [signer.public_key])
    assert theirs.problems == []
    assert "1 violations have no package" in str(theirs.notes)


def test_a_deleted_record_that_comes_back_is_told_of_by_both(run, signer):
    folder = package(run)
    path = folder.relative_to(run / "evidence" / "gate").as_posix()
    sealed.chain(run, signer=signer).add("deletion", {"path": path, "record": folder.name})
    shutil.rmtree(folder)
    change(
        run,
        "UPDATE violations SET evidence_state = 'pending', evidence_path = NULL WHERE id = ?",
        folder.name,
    )
    for checked in (verify(run, [signer.public_key]), OUTSIDER.check(run, [signer.public_key])):
        assert checked.problems == []
        assert "its chain says that it was deleted" in str(checked.notes)


def test_a_deletion_that_the_store_forgot_is_told(run, signer):
    """Else the same recording, analysed again, brings the record back."""
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, VIOLATIONS[-1].id), "appeal upheld")
    assert both(run, [signer.public_key]) == ([], [])
    change(run, "DELETE FROM deletions")
    accused(run, signer)


def test_a_journal_left_beside_the_store_is_read_with_it_or_told(run, signer):
    """SQLite rolls a journal back into the file that the next program opens."""
    path = run / "violations.sqlite"
    sound = path.read_bytes()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("UPDATE violations SET speed_kmh = 183.0 WHERE kind = 'speeding'")
    connection.execute("UPDATE violations SET document = replace(document, '83.456', '183.456')")
    forged = path.read_bytes()
    connection.execute("PRAGMA synchronous=OFF")  # its journal counts from the first page on
    connection.execute("BEGIN IMMEDIATE")
    for made in VIOLATIONS:
        connection.execute(
            "UPDATE violations SET document = replace(document, '183.456', '83.456'), "
            "speed_kmh = 83.456 WHERE id = ?",
            (made.id,),
        )
    journal = (run / "violations.sqlite-journal").read_bytes()
    connection.execute("ROLLBACK")
    connection.close()
    assert forged != sound
    path.write_bytes(sound)
    assert both(run, [signer.public_key]) == ([], [])
    (run / "violations.sqlite-journal").write_bytes(journal)
    accused(run, signer)


# -- what is said ----------------------------------------------------------------------------------


def test_a_name_cannot_write_over_what_is_said_of_it(call, run):
    (package(run) / ESCAPE).write_bytes(b"x")
    (package(run) / "at.jpg").rename(package(run) / os.fsdecode(b"\xff\xfe.jpg"))
    said = call("verify", run)
    assert said.code == 1
    outsider = subprocess.run(
        [sys.executable, TOOL, run], capture_output=True, check=False, env={"LC_ALL": "C.UTF-8"}
    )
    assert outsider.returncode == 1
    assert outsider.stderr == b""
    for out in (said.out, outsider.stdout.decode()):
        assert all(line.isprintable() for line in out.splitlines())
        assert "\n4 packages, nothing" not in out
        assert "at.jpg?[1A?[2K??4 packages, nothing wrong" in out


def test_a_moment_that_has_not_come_is_noted(tmp_path, signer):
    run = tmp_path / "ahead"
    clock = sealed.Clock(sealed.MORNING.replace(year=2126))
    sealed.add_package(run, 0, sealed.chain(run, signer=signer, clock=clock))
    report = verify(run, [signer.public_key])
    theirs = OUTSIDER.check(run, [signer.public_key])
    assert (report.problems, theirs.problems) == ([], [])
    assert "later than this computer's clock" in str(report.notes)
    assert "later than this computer's clock" in str(theirs.notes)
