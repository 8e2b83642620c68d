"""Deletion: of a record a signed entry of hashes is left, and verification stays content."""

import json
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests import sealed
from tests.audit.test_verify import VIOLATIONS, both, run, signer, template
from tests.audit.test_verify_altered import OUTSIDER
from tests.blocks import packages_of
from tests.mounts import ROOT
from tests.records import KEY, START, near_miss, violation
from traffic_ai.audit import verify as verify_module
from traffic_ai.audit.purge import purge, subject
from traffic_ai.audit.records import open_records
from traffic_ai.audit.retention import Keeper, PackageSizes, drop_near_misses, overdue
from traffic_ai.config.delivery import Kept
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.record import EvidenceState, ReviewState
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.package import partial_folder
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.outbox import Destination
from traffic_ai.stores.run_folder import track_log_path
from traffic_ai.stores.track_log import read_tracks

__all__ = ["run", "signer", "template"]

SPEEDING = VIOLATIONS[-1]


def traces(run, *needles):
    """The files that hold one of the texts."""
    return sorted(
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if path.is_file() and any(needle.encode() in path.read_bytes() for needle in needles)
    )


def package_of(run, made):
    return run / "evidence" / "gate" / made.kind.value / "2026-05-01" / made.id


def test_a_deleted_record_leaves_an_entry_and_nothing_else(run, signer):
    with open_records(run, "mai", signer, sealed.Clock()) as records:
        records.decide(records.find(SPEEDING.id).stored, ReviewState.CONFIRMED)
        entry = purge(records, subject(records, SPEEDING.id), "asked for")
        assert SPEEDING.id not in {row.id for row in records.store.violations()}
    assert (entry.kind, entry.public_key) == ("deletion", signer.public_key)
    payload = dict(entry.payload)
    assert payload.pop("path").endswith(SPEEDING.id)
    assert all(len(payload.pop(f"{name}_sha256")) == 64 for name in ("document", "manifest"))
    assert payload == {"record": SPEEDING.id, "why": "asked for", "by": "mai"}
    assert not package_of(run, SPEEDING).exists()
    assert traces(run, "83.456") == []  # its speed: in the row, the document and the manifest
    assert traces(run, SPEEDING.id) == ["evidence/gate/chain.jsonl", "violations.sqlite"]
    assert both(run, [signer.public_key]) == ([], [])


def test_of_what_was_told_of_a_deleted_record_nothing_is_left_either(run, signer):
    made = violation(t_s=500.0, lane_id="lane-of-the-deleted")
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.outbox.open([Destination("delivered"), Destination("waiting")])
        store.add_findings(KEY, [made])
        store.outbox.settle("delivered", list(store.outbox.take("delivered", 9)), {})
    assert traces(run, "lane-of-the-deleted") != []
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, made.id), "asked for")
        waiting = list(records.store.outbox.take("waiting", 9).values())
    assert [(message.type, message.subject) for message in waiting] == [("end", made.id)]
    assert traces(run, "lane-of-the-deleted") == []


@pytest.mark.parametrize(
    ("verifier", "step"), [("ours", "store"), ("ours", "package"), ("theirs", "store")]
)
@pytest.mark.parametrize("altered", [False, True])
def test_a_record_deleted_while_verifying_is_not_accused(
    run, signer, monkeypatch, verifier, step, altered
):
    """A watch goes on meanwhile; what somebody altered is told all the same."""
    module = verify_module if verifier == "ours" else OUTSIDER.Check
    name = f"check_{step}" if verifier == "ours" else step
    check, left = getattr(module, name), [SPEEDING.id]

    def meanwhile(*given):
        while left:
            with open_records(run, "mai", signer) as records:
                purge(records, subject(records, left.pop()), "asked for")
        return check(*given)

    monkeypatch.setattr(module, name, meanwhile)
    if altered:
        (package_of(run, VIOLATIONS[0]) / "at.jpg").write_bytes(b"PICTURE")
    verify = verify_module.verify if verifier == "ours" else OUTSIDER.check
    problems = [str(problem) for problem in verify(run, [signer.public_key]).problems]
    assert left == []
    assert len(problems) == altered
    assert all("at.jpg" in problem for problem in problems)


def test_the_others_stay(run, signer):
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, SPEEDING.id), "asked for")
        left = {row.id for row in records.store.violations()}
    assert left == {made.id for made in VIOLATIONS[:-1]}
    assert all(package_of(run, made).is_dir() for made in VIOLATIONS[:-1])


def test_a_deleted_record_does_not_come_back_when_its_recording_is_analysed_again(run, signer):
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, SPEEDING.id), "asked for")
    with ViolationStore.open(run / "violations.sqlite") as store:
        assert store.add_findings(KEY, VIOLATIONS) == []
        assert store.without_evidence(VIOLATIONS) == []


def test_a_record_without_a_package_is_deleted_too(run, signer):
    made = violation(t_s=500.0)
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [made])
    with open_records(run, "mai", signer) as records:
        entry = purge(records, subject(records, made.id), "asked for")
    assert "path" not in entry.payload
    assert both(run, [signer.public_key]) == ([], [])


@pytest.mark.parametrize("state", [EvidenceState.PENDING, EvidenceState.WRITTEN])
def test_a_package_goes_whatever_the_row_says_of_it(run, signer, state):
    path = package_of(run, SPEEDING).relative_to(run).as_posix()
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.set_evidence(SPEEDING.id, state, path if state is EvidenceState.WRITTEN else None)
    if state is EvidenceState.WRITTEN:  # deleted by hand before: both verifiers miss it
        for file in package_of(run, SPEEDING).iterdir():
            file.unlink()
        package_of(run, SPEEDING).rmdir()
        assert all(both(run))
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, SPEEDING.id), "asked for")
    assert not package_of(run, SPEEDING).exists()
    assert both(run, [signer.public_key]) == ([], [])


@pytest.mark.parametrize(
    "path",
    [
        "/etc",
        "../../etc",
        "evidence/gate/../../..",
        "evidence/gate/speeding/../x",
        "evidence",
        "",
        "evidence/gate/speeding/2026-05-01/x/../../y",
    ],
)
def test_a_row_cannot_lead_a_deletion_elsewhere(run, signer, path):
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.set_evidence(SPEEDING.id, EvidenceState.WRITTEN, path)
    with open_records(run, "mai", signer) as records:
        with pytest.raises(EvidenceError, match="which is no package"):
            purge(records, subject(records, SPEEDING.id), "asked for")
        assert records.find(SPEEDING.id)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE violations SET occurred_at = '2020-05-01T03:01:20.000000Z' WHERE id = ?",
        "UPDATE violations SET occurred_at = '2020-05-01T03:01:20.000000Z', "
        "evidence_state = 'pending', evidence_path = NULL WHERE id = ?",
        "UPDATE violations SET occurred_at = NULL, created_at = '2020-01-01T00:00:00.000000Z' "
        "WHERE id = ?",
        "UPDATE violations SET kind = 'stop_over_line', occurred_at = "
        "'2020-05-01T03:01:20.000000Z' WHERE id = ?",
    ],
)
def test_a_watch_does_not_delete_a_package_that_an_altered_row_makes_old(run, signer, sql):
    """Else the keeper's own key would sign that it was time."""
    with sqlite3.connect(run / "violations.sqlite") as connection:
        assert connection.execute(sql, (SPEEDING.id,)).rowcount == 1
    connection.close()
    keeper = Keeper(run, signer, PackageSizes(run))
    kept = dict.fromkeys((ViolationKind.SPEEDING, ViolationKind.STOP_OVER_LINE), Kept(700))
    with pytest.raises(EvidenceError, match="look at the run with `traffic-ai verify`"):
        keeper(kept, threading.Event())
    assert (package_of(run, SPEEDING) / "at.jpg").is_file()
    assert all(both(run, [signer.public_key]))


def test_a_record_does_not_take_the_package_of_another_along(run, signer):
    other = VIOLATIONS[0]
    path = package_of(run, other).relative_to(run).as_posix()
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.set_evidence(SPEEDING.id, EvidenceState.WRITTEN, path)
    with (
        open_records(run, "mai", signer) as records,
        pytest.raises(EvidenceError, match="which is no package of its"),
    ):
        purge(records, subject(records, SPEEDING.id), "asked for")
    assert all((package_of(run, made) / "at.jpg").is_file() for made in (SPEEDING, other))


def test_its_track_goes_from_the_kept_tracks(run, signer):
    with sqlite3.connect(run / "violations.sqlite") as connection:
        (source,) = connection.execute("SELECT id FROM sources").fetchone()
    connection.close()
    log = track_log_path(run, source)
    log.parent.mkdir()
    lines = [{"format": "traffic-ai tracks 1"}, [0.5, [[7, 1, 2, 3, 4], [8, 1, 2, 3, 4]]]]
    log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, [0.6, []]]))
    with open_records(run, "mai", signer) as records:
        purge(records, subject(records, SPEEDING.id), "asked for")
    [first, second] = read_tracks(log)
    assert (first.track_id.tolist(), len(second.track_id)) == ([8], 0)


def test_what_is_deleted_is_named_in_full_and_with_a_reason(run, signer):
    with open_records(run, "mai", signer) as records:
        with pytest.raises(UsageError, match="is not a whole id"):
            subject(records, SPEEDING.id[:8])
        with pytest.raises(UsageError, match="is empty"):
            purge(records, subject(records, SPEEDING.id), " ")


def test_only_what_is_older_than_its_kind_is_kept_expires(run):
    undated = violation(ViolationKind.RED_LIGHT, t_s=700.0, occurred_at=None)
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, [undated])
    days = {ViolationKind.SPEEDING: Kept(30), ViolationKind.RED_LIGHT: Kept(90)}

    def gone(after):
        with open_records(run) as records:
            found = overdue(records, days, PackageSizes(run), START + after)
            return {row.kind.value for row, _ in found}

    assert gone(timedelta(days=30)) == set()
    assert gone(timedelta(days=30, minutes=2)) == {"speeding"}
    assert gone(timedelta(days=90, minutes=2)) == {"speeding", "red_light"}
    with open_records(run) as records:
        found = overdue(records, days, PackageSizes(run), START + timedelta(days=36500))
        ids = {row.id for row, _ in found}
    assert undated.id in ids  # by when its row was made


def package_bytes(run):
    return sum(
        sum(file.stat().st_size for file in package.iterdir())
        for package in packages_of(run).values()
        if package.parents[1].name == "speeding"
    )


def test_a_package_that_is_being_made_meanwhile_is_left_alone(run, signer):
    """By another thread of the same watch."""
    final = package_of(run, violation(t_s=800.0))
    with partial_folder(final) as half:
        (half / "at.jpg").write_bytes(b"half")
        Keeper(run, signer, PackageSizes(run))({ViolationKind.SPEEDING: Kept(1)}, threading.Event())
        assert (half / "at.jpg").is_file()


class Listed:
    """Records of which only the list matters."""

    def __init__(self, *found):
        self.store = self
        self.violations = lambda wanted: (r for r in found if r.kind in wanted.kinds)


class Sizes:
    """Sizes of packages by the record's id."""

    def __init__(self, **sizes):
        self.of = lambda record: sizes[record.id]


def stored(name, day, kind=ViolationKind.SPEEDING):
    moment = START + timedelta(days=day)
    return SimpleNamespace(
        id=name, kind=kind, created_at=moment, occurred_at=SimpleNamespace(utc=moment)
    )


def test_beyond_the_size_the_oldest_go_until_the_rest_fits():
    records = Listed(stored("c", 3), stored("a", 1), stored("b", 2), stored("none", 0))
    sizes = Sizes(a=40, b=50, c=60, none=0)

    def gone(size_bytes, days=None):
        kept = {ViolationKind.SPEEDING: Kept(days, size_bytes)}
        return [row.id for row, _ in overdue(records, kept, sizes, START + timedelta(days=4))]

    assert gone(150) == []
    assert gone(149) == ["a"]
    assert gone(110) == ["a"]
    assert gone(109) == ["a", "b"]
    assert gone(0) == ["a", "b", "c"]
    # What is too old anyway takes no room.
    assert gone(110, days=2) == ["none", "a"]


def test_a_watch_deletes_by_itself_what_is_beyond_its_retention(run, signer):
    size = package_bytes(run)
    keeper = Keeper(run, signer, PackageSizes(run))
    with open_records(run) as records:
        gone = records.find(SPEEDING.id).stored
    never = threading.Event()
    assert keeper({ViolationKind.SPEEDING: Kept(None, size)}, never) == 0
    stopped = threading.Event()
    stopped.set()
    assert keeper({ViolationKind.SPEEDING: Kept(None, size - 1)}, stopped) == 0
    assert keeper({ViolationKind.SPEEDING: Kept(None, size - 1)}, never) == 1
    assert package_bytes(run) < size
    assert len(packages_of(run)) == len(VIOLATIONS) - 1
    with open_records(run) as records:
        entries = records.chain("gate").entries(["deletion"])
        assert SPEEDING.id not in {row.id for row in records.store.violations()}
    assert keeper.sizes.of(gone) == 0  # it keeps nothing of what is gone
    assert [entry.payload["by"] for entry in entries] == ["traffic-ai watch"]
    assert "GB" in str(entries[0].payload["why"])
    assert both(run, [signer.public_key]) == ([], [])


def test_near_misses_go_by_the_days_of_their_kind(run, signer):
    old, new = near_miss(t_s=4.0), near_miss(t_s=4.0 + 40 * 86400.0)
    undated = near_miss(t_s=5.0, occurred_at=None)
    other = near_miss(t_s=6.0, kind=ViolationKind.WRONG_WAY)
    with ViolationStore.open(run / "violations.sqlite") as store:
        before = len(list(store.near_misses()))
        store.add_findings(KEY, [old, new, undated, other])
    kept = {old.kind: Kept(30), ViolationKind.WRONG_WAY: Kept(None, 10**9)}
    with open_records(run, "nightly", signer) as records:
        count = drop_near_misses(records, kept, START + timedelta(days=31), threading.Event())
        left = [row.t_s for row in records.store.near_misses() if row.reason == old.reason]
    assert count == 1
    assert len(left) == before + 3
    assert old.t_s not in left


KILLED = """
import os, sys, shutil
from pathlib import Path
from tests import sealed
from tests.audit.test_verify_altered import OUTSIDER
from traffic_ai.audit.verify import verify
from traffic_ai.evidence import chain, package
from traffic_ai.evidence.keys import make_key

os.fsync = lambda descriptor: None  # the process is killed, not the computer
TRACED = {chain.__file__, package.__file__, shutil.__file__}
root = Path(sys.argv[1])
signer = make_key(root / "keys")


def check(run, when):
    ours, theirs = verify(run, [signer.public_key]), OUTSIDER.check(run, [signer.public_key])
    assert not ours.problems and not theirs.problems, (when, ours.problems, theirs.problems)


def killed_at(step, run):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    left = step

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os._exit(9)
        return trace

    sys.settrace(trace)
    remove(run)
    os._exit(0)


def remove(run):
    folder = sealed.package_path(run, 1)
    sealed.chain(run, signer=signer).remove(folder, {"record": folder.name}, was_sealed=True)


step = 0
killed = True
while killed:
    run = root / str(step)
    for number in range(2):
        sealed.add_package(run, number, sealed.chain(run, signer=signer))
    killed = killed_at(step, run)
    check(run, f"killed at step {step}")
    sealed.chain(run, signer=signer).sweep()
    check(run, f"swept after step {step}")
    there = sealed.package_path(run, 1).exists()
    assert there == (len(sealed.chain(run, signer=signer).entries(("deletion",))) == 0)
    assert not list(run.rglob("*.partial"))
    if there:
        assert (sealed.package_path(run, 1) / "at.jpg").exists()
        remove(run)
    check(run, f"gone on after step {step}")
    step += 1
print(step)
"""


def test_a_process_killed_at_any_line_of_a_deletion_leaves_all_or_nothing(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 40


def test_a_deletion_that_was_killed_before_the_row_went_is_finished(run, signer, monkeypatch):
    class KilledError(Exception):
        """Stands for a power cut."""

    def killed(self, *arguments):
        raise KilledError

    with open_records(run, "mai", signer) as records:
        found = subject(records, SPEEDING.id)
        with monkeypatch.context() as patch:
            patch.setattr("traffic_ai.stores.changes.RecordChanges.delete", killed)
            with pytest.raises(KilledError):
                purge(records, found, "asked for")
    with open_records(run) as records, pytest.raises(UsageError, match="there is no record"):
        records.find(SPEEDING.id)
    assert both(run, [signer.public_key]) == ([], [])


# -- the command -----------------------------------------------------------------------------------


def test_the_command_deletes_one_record_of_a_run(call, run_copy):
    run = run_copy
    before = packages_of(run)
    record = sorted(before)[0]
    called = call("purge", "--subject", record, run, "--why", "asked for", "--by", "mai")
    assert called.code == 0
    assert f"{record} deleted, entry 3 of the chain" in called.out
    assert set(packages_of(run)) == set(before) - {record}
    verified = call("verify", run)
    assert (verified.code, "was deleted by its keeper" in verified.out) == (0, True)


def test_the_command_deletes_what_is_older_than_it_is_kept(call, run_copy, tmp_path):
    from tests.blocks import write_site

    run, site = run_copy, write_site(tmp_path / "site.yaml")
    called = call("purge", "--expired", run, "--site", site)
    assert (called.code, "has no retention" in called.err) == (2, True)
    site.write_text(site.read_text() + "retention_days: {wrong_way: 30, speeding: 1}\n")
    assert "0 records were beyond" in call("purge", "--expired", run, "--site", site).out
    with sqlite3.connect(run / "violations.sqlite") as connection:
        connection.execute("UPDATE violations SET created_at = '2020-01-01T00:00:00.000000Z'")
    connection.close()
    called = call("purge", "--expired", run, "-s", site, "--by", "cron")
    assert "2 records were beyond what is kept" in called.out
    assert packages_of(run) == {}
    chain = (run / "evidence" / "gate" / "chain.jsonl").read_text()
    assert chain.count('"why":"kept for 30 days, and they are over"') == 2
    assert call("verify", run).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of them"),
        (["--subject", "x", "--expired"], "one of them"),
        (["--expired"], "needs --site"),
        (["--subject", "x"], "needs --why"),
        (["--subject", "x", "--why", "y"], "there is no record 'x'"),
    ],
)
def test_a_wrong_call_ends_with_2_and_deletes_nothing(call, blocks_run, arguments, said):
    called = call("purge", blocks_run, *arguments)
    assert called.code == 2
    assert said in called.err
    assert len(packages_of(blocks_run)) == 2
