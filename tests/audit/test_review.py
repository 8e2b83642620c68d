"""Review: people decide, and every look and act of theirs stands in the camera's chain."""

import json
import os
import sqlite3
from dataclasses import replace

import pytest

from tests import sealed
from tests.audit.test_verify import both
from tests.records import KEY, violation
from traffic_ai.audit.precision import precision
from traffic_ai.audit.records import open_records
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.record import RejectionReason, ReviewState
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.keys import make_key
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import RecordFilter

MADE = [violation(kind, t_s=20.0 * n) for n, kind in enumerate(ViolationKind, 1)]


@pytest.fixture
def run(tmp_path):
    """A run folder with a violation of each kind at the camera `gate`, no packages."""
    folder = tmp_path / "run"
    folder.mkdir()
    with ViolationStore.open(folder / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, MADE)
    return folder


@pytest.fixture
def signer(tmp_path):
    return make_key(tmp_path / "signing")


@pytest.fixture
def opened(run, signer):
    with open_records(run, "mai", signer, sealed.Clock()) as records:
        yield records


def stored(records, number=0):
    return records.find(MADE[number].id).stored


def change(run, sql, *values):
    with sqlite3.connect(run / "violations.sqlite") as connection:
        connection.execute(sql, values)
    connection.close()


def entries(records):
    return records.chain("gate").entries()


def test_nothing_is_decided_until_somebody_decides(opened):
    states = {row.review.state for row in opened.store.violations()}
    assert states == {ReviewState.PROPOSED}


def test_a_decision_says_who_when_and_why_and_stands_in_the_chain(opened, run, signer):
    opened.decide(stored(opened, 0), ReviewState.CONFIRMED)
    reason = RejectionReason.WRONG_SIGNAL
    opened.decide(stored(opened, 1), ReviewState.REJECTED, reason, "the lamp was off")
    review = stored(opened, 1).review
    assert (review.state, review.reason, review.by) == (ReviewState.REJECTED, reason, "mai")
    assert review.at == sealed.MORNING.replace(second=20)
    [_, second] = entries(opened)
    assert (second.kind, second.sequence) == ("review", 2)
    assert second.public_key == signer.public_key
    assert second.payload == {
        "by": "mai",
        "note": "the lamp was off",
        "reason": "wrong_signal",
        "record": MADE[1].id,
        "state": "rejected",
    }
    assert both(run, [signer.public_key]) == ([], [])


def test_a_decision_may_be_changed_and_both_stay_in_the_chain(opened, run):
    opened.decide(stored(opened), ReviewState.CONFIRMED)
    opened.decide(stored(opened), ReviewState.REJECTED, RejectionReason.EXEMPT)
    assert [entry.payload["state"] for entry in entries(opened)] == ["confirmed", "rejected"]
    assert stored(opened).review.state is ReviewState.REJECTED
    assert both(run) == ([], [])


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ((ReviewState.PROPOSED, None, ""), "to confirm or to reject"),
        ((ReviewState.REJECTED, None, ""), "a rejection has a reason"),
        ((ReviewState.CONFIRMED, RejectionReason.OTHER, ""), "a confirmation none"),
        ((ReviewState.REJECTED, RejectionReason.OTHER, " "), "needs a note"),
        ((ReviewState.CONFIRMED, None, "a\nb"), "cannot be printed"),
        ((ReviewState.CONFIRMED, None, "\x1b[2J"), "cannot be printed"),
        ((ReviewState.CONFIRMED, None, "x" * 501), "at most 500"),
    ],
)
def test_a_decision_that_says_nothing_is_refused_and_leaves_no_trace(opened, decision, said):
    with pytest.raises(UsageError, match=said):
        opened.decide(stored(opened), *decision)
    assert entries(opened) == []


def test_somebody_must_act(run):
    with (
        open_records(run, " ") as records,
        pytest.raises(UsageError, match="the name of who acts is empty"),
    ):
        records.decide(stored(records), ReviewState.CONFIRMED)


def test_every_look_is_entered(opened, run):
    opened.note_read([stored(opened, 0), stored(opened, 2)], "export of pictures")
    [entry] = entries(opened)
    assert (entry.kind, entry.payload["by"], entry.payload["how"]) == (
        "read",
        "mai",
        "export of pictures",
    )
    assert entry.payload["records"] == [MADE[0].id, MADE[2].id]
    assert opened.history(stored(opened, 2)) == [entry]
    assert opened.history(stored(opened, 1)) == []
    assert both(run) == ([], [])


def test_what_cannot_be_entered_is_not_done(run, signer, tmp_path):
    """A chain that is signed, and no key here."""
    with open_records(run, "mai", signer) as records:
        records.decide(stored(records), ReviewState.CONFIRMED)
    with open_records(run, "eve", None) as records:
        with pytest.raises(UsageError, match="no key here"):
            records.decide(stored(records), ReviewState.REJECTED, RejectionReason.UNCLEAR)
        with pytest.raises(UsageError, match="no key here"):
            records.note_read([stored(records)], "show")
        assert stored(records).review.state is ReviewState.CONFIRMED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(run):
    (run / "evidence").mkdir(mode=0o500)
    with open_records(run, "mai", None) as records, pytest.raises(EvidenceError, match="entered"):
        records.decide(stored(records), ReviewState.CONFIRMED)


def test_a_store_that_was_killed_behind_its_chain_follows_when_opened_next(run, monkeypatch):
    class KilledError(Exception):
        """Stands for a power cut."""

    def killed(self, violation_id, review):
        raise KilledError

    with open_records(run, "mai", None, sealed.Clock()) as records:
        records.decide(stored(records, 0), ReviewState.CONFIRMED)
        with monkeypatch.context() as patch:
            patch.setattr("traffic_ai.stores.changes.RecordChanges.review", killed)
            with pytest.raises(KilledError):
                records.decide(stored(records, 1), ReviewState.CONFIRMED)
        assert stored(records, 1).review.state is ReviewState.PROPOSED
    ours, theirs = both(run)
    assert "follows the chain" in ours[0]
    assert len(theirs) == 1
    with open_records(run, "mai", None) as records:
        assert stored(records, 1).review.state is ReviewState.CONFIRMED
    assert both(run) == ([], [])


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE reviews SET state = 'confirmed', reason = NULL",
        "UPDATE reviews SET reason = 'duplicate'",
        "UPDATE reviews SET note = 'never mind'",
        "UPDATE reviews SET decided_by = 'eve'",
        "UPDATE reviews SET decided_at = '2026-05-02T08:00:10.000000Z'",
        "UPDATE reviews SET chain_entry = 2",
        "UPDATE reviews SET chain_entry = 200",
        "UPDATE reviews SET violation_id = (SELECT id FROM violations WHERE kind = 'speeding')",
        "DELETE FROM reviews",
        "DELETE FROM violations WHERE kind = 'red_light'",
        "INSERT INTO deletions VALUES ('x', 'gate', '2026-05-02T08:00:10.000000Z', 1)",
    ],
)
def test_both_verifiers_tell_a_store_that_does_not_say_what_was_decided(run, sql):
    with open_records(run, "mai", None) as records:
        made = next(m for m in MADE if m.kind is ViolationKind.RED_LIGHT)
        record = records.find(made.id).stored
        records.decide(record, ReviewState.REJECTED, RejectionReason.UNCLEAR, "dark")
        records.note_read([record], "show")
    assert both(run) == ([], [])
    change(run, sql)
    assert all(both(run))


def test_a_decision_made_while_verifying_is_not_accused(run, monkeypatch):
    from traffic_ai.audit import verify as module

    with open_records(run, "mai", None) as records:
        records.decide(stored(records, 0), ReviewState.CONFIRMED)
        check_store = module.check_store

        def meanwhile(*arguments):
            records.decide(stored(records, 1), ReviewState.CONFIRMED)
            check_store(*arguments)

        monkeypatch.setattr(module, "check_store", meanwhile)
        assert module.verify(run).problems == []


def test_an_entry_that_decides_nothing_is_told(run):
    sealed.chain(run).add("review", {"decision": "confirmed"})
    assert all(both(run))
    sealed.chain(run).add("review", {"record": MADE[0].id, "state": "hidden"})
    with (
        pytest.raises(EvidenceError, match=r"entry 2 .* is no decision"),
        open_records(run, "mai", None),
    ):
        pass


def test_a_store_from_before_there_was_review_is_verified_as_it_is_and_brought_up_by_a_review(run):
    for table in ("reviews", "deletions", "outbox", "destinations", "watch_events"):
        change(run, f"DROP TABLE {table}")
    change(run, "DROP INDEX violations_of_camera_and_kind")
    change(run, "UPDATE traffic_ai_schema SET version_num = '0002'")
    before = (run / "violations.sqlite").read_bytes()
    assert both(run) == ([], [])
    assert (run / "violations.sqlite").read_bytes() == before
    with open_records(run, "mai", None) as records:
        records.decide(stored(records), ReviewState.CONFIRMED)
        assert stored(records).review.state is ReviewState.CONFIRMED


def test_states_narrow_the_list(opened):
    opened.decide(stored(opened, 2), ReviewState.CONFIRMED)
    confirmed = RecordFilter(review_states=(ReviewState.CONFIRMED,))
    assert [row.id for row in opened.store.violations(confirmed)] == [MADE[2].id]
    still_open = RecordFilter(review_states=(ReviewState.PROPOSED,), limit=2)
    assert [row.id for row in opened.store.violations(still_open)] == [MADE[0].id, MADE[1].id]


def test_a_record_is_found_by_how_its_id_begins(opened):
    assert opened.find(MADE[0].id[:8]).stored.id == MADE[0].id
    for wrong in ("", "zz", "%", "_"):
        with pytest.raises(UsageError, match="there is no record"):
            opened.find(wrong)


def test_precision_is_counted_by_camera_and_rule_with_its_interval(run):
    more = [violation(t_s=100.0 + n) for n in range(12)]
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.add_findings(KEY, more)
    with open_records(run, "mai", None) as records:
        for number, made in enumerate(more[:11]):
            record = records.find(made.id).stored
            if number < 8:
                records.decide(record, ReviewState.CONFIRMED)
            elif number < 10:
                records.decide(record, ReviewState.REJECTED, RejectionReason.WRONG_MEASUREMENT)
            else:
                records.decide(record, ReviewState.REJECTED, RejectionReason.EXEMPT)
        rows = {row.kind: row for row in precision(records.store.review_counts())}
    row = rows[ViolationKind.SPEEDING]
    counts = (row.confirmed, row.rejected, row.set_aside, row.proposed)
    assert (row.camera_id, counts, row.share) == ("gate", (8, 2, 1, 2), 0.8)
    # Clopper and Pearson for 8 of 10, as in their tables.
    assert row.interval == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert rows[ViolationKind.RED_LIGHT].share is None
    all_right = replace(row, confirmed=10, rejected=0)
    assert all_right.interval == pytest.approx((0.6915, 1.0), abs=1e-4)


# -- the command -----------------------------------------------------------------------------------


def test_the_command_lists_shows_decides_and_counts(call, run):
    listed = call("review", run, "list")
    assert (listed.code, listed.out.count("proposed")) == (0, 4)
    assert all(made.id[:12] in listed.out for made in MADE)
    record = MADE[0].id
    shown = call("review", run, "show", record[:10], "--by", "mai")
    assert shown.code == 0
    assert record in shown.out
    assert "yes  sightings measured from: 12 (asked: at least 5; 7 to spare)" in shown.out
    assert "read show, mai" in shown.out
    decided = call("review", run, "reject", record, "--reason", "unclear", "--by", "mai")
    assert f"{record} rejected (unclear), entry 2 of the chain" in decided.out
    assert call("review", run, "confirm", MADE[1].id, "--by", "minh").code == 0
    assert "minh" in call("review", run, "list", "--state", "confirmed").out
    told = json.loads(call("review", run, "stats", "--json").out)
    assert [row["confirmed"] + row["rejected"] for row in told].count(1) == 2
    assert "100.0%" in call("review", run, "stats").out
    assert call("verify", run).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "zz"], "there is no record 'zz'"),
        (["confirm", ""], "there is no record ''"),
        (["reject", "{id}"], "--reason"),
        (["reject", "{id}", "--reason", "bored"], "bored"),
        (["reject", "{id}", "--reason", "other"], "needs a note"),
    ],
)
def test_a_wrong_call_ends_with_2_and_decides_nothing(call, run, arguments, said):
    called = call("review", run, *(a.format(id=MADE[0].id) for a in arguments))
    assert called.code == 2
    assert said in called.err
    assert not (run / "evidence").exists()


def test_a_folder_without_a_store_is_refused(call, tmp_path):
    called = call("review", tmp_path, "list")
    assert (called.code, "holds no violations.sqlite" in called.err) == (2, True)
    assert not (tmp_path / "violations.sqlite").exists()


def test_names_cannot_steer_the_terminal(call, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    nasty = violation(lane_id="[red]l\x1b[2Jane", camera_id="gate")
    with ViolationStore.open(run / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, [nasty])
    for arguments in (["list"], ["show", nasty.id]):
        out = call("review", run, *arguments).out
        assert "\x1b" not in out
        assert "[red]l?[2Jane" in out


def test_an_export_is_entered_where_there_is_a_chain(call, run, tmp_path):
    assert call("export", run).err == ""
    assert not (run / "evidence").exists()
    call("keys", "init", "--keys", tmp_path / "own")
    call("review", run, "confirm", MADE[0].id, "--keys", tmp_path / "own")
    exported = call("export", run, "--by", "mai", "--keys", tmp_path / "own", "-f", "jsonl")
    assert exported.err == ""
    with open_records(run) as records:
        last = entries(records)[-1]
    assert (last.kind, last.payload) == (
        "read",
        {"by": "mai", "count": 4, "how": "export jsonl"},
    )
    unsigned = call("export", run)
    assert unsigned.code == 0
    assert "does not say that you read it" in unsigned.err
    assert "there is no key here" in unsigned.err
    assert both(run) == ([], [])
