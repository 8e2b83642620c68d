"""Disk, delivery and deletion beside the cameras: what is done, said, and kept as events."""

import logging
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests import records
from tests.blocks import write_site
from tests.broker import PATIENCE_S, Receiver, held_port
from traffic_ai.config.delivery import Kept
from traffic_ai.core.errors import ConfigError, StoreError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import ViolationKind
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch.disk import DiskGuard
from traffic_ai.watch.remains import NEVER_WRITTEN, settle_remains
from traffic_ai.watch.retirement import Retirement
from traffic_ai.watch.upkeep import Upkeep
from traffic_ai.wiring import open_site

MB = 1_000_000


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def store(tmp_path, ends):
    return ends.enter_context(ViolationStore.open(tmp_path / "violations.sqlite"))


class Disk:
    """Free space that a test sets, in MB."""

    def __init__(self, free_mb):
        self.free_mb = free_mb

    def __call__(self):
        if self.free_mb is None:
            raise OSError("the disk is gone")
        return int(self.free_mb * MB)


def site_with(tmp_path, text=""):
    path = write_site(tmp_path / "site.yaml", {"id": "gate", "source": "rtsp://gate/cam"})
    path.write_text(path.read_text() + text)
    return open_site(path)


def upkeep_of(tmp_path, store, ends, disk, text="", retire=None):
    guard = DiskGuard(tmp_path, 0, disk)
    upkeep = Upkeep(tmp_path, store, site_with(tmp_path, text), retire, disk=guard)
    ends.callback(upkeep.close)
    return upkeep, guard


def tended(upkeep):
    return upkeep.tend(lambda view: "{}")


def events(store):
    return [(event.part, event.state) for event in store.watch_events()]


# -- disk ------------------------------------------------------------------------------------------


def test_a_disk_is_full_below_the_least_and_free_again_only_with_some_more(tmp_path):
    disk = Disk(600)
    guard = DiskGuard(tmp_path, 500 * MB, disk)
    seen = []
    for disk.free_mb in (501, 499, 501, 599, 601, 501, None, 700):
        guard.look()
        seen.append(guard.is_full)
    assert seen == [False, True, True, True, False, False, True, False]


def test_a_full_disk_is_an_alarm_a_line_and_an_event_and_ends_by_itself(
    tmp_path, store, ends, caplog
):
    caplog.set_level(logging.INFO)
    disk = Disk(600)
    upkeep, guard = upkeep_of(tmp_path, store, ends, disk)
    assert tended(upkeep).alarms == ()
    disk.free_mb = 12
    view = tended(upkeep)
    assert view.disk_is_full
    ((part, said),) = view.alarms
    assert (part, "12 MB are free" in said, "no evidence is recorded" in said) == (
        "disk",
        True,
        True,
    )
    assert "12 MB are free" in guard.trouble
    tended(upkeep)
    disk.free_mb = 800
    assert tended(upkeep).alarms == ()
    assert events(store) == [("disk", "full"), ("disk", "ok")]
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("disk")]
    assert len(lines) == 2


def test_an_event_waits_for_a_store_that_cannot_take_it(tmp_path, store, ends, monkeypatch):
    disk = Disk(600)
    upkeep, _ = upkeep_of(tmp_path, store, ends, disk)

    def full(event):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_watch_event", full)
        disk.free_mb = 12
        tended(upkeep)
        assert events(store) == []
    tended(upkeep)
    assert events(store) == [("disk", "full")]


# -- delivery --------------------------------------------------------------------------------------

HOOK = "delivery: {{webhooks: [{{url: 'http://127.0.0.1:{}/', secret: '${{HOOK_SECRET}}'}}]}}\n"


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "k" * 32)


def test_violations_go_where_the_site_file_says_also_after_it_was_edited(tmp_path, store, ends):
    first, second = Receiver(), Receiver()
    ends.callback(first.close)
    ends.callback(second.close)
    upkeep, _ = upkeep_of(tmp_path, store, ends, Disk(600), HOOK.format(first.port))
    store.start_source(records.KEY, "rtsp://gate/cam")
    (one,) = store.add_findings(records.KEY, [records.violation()])
    first.until(lambda r: r.ids() == [one.id])
    while store.outbox.waiting()[0].queued:  # the receiver has it before the courier knows
        threading.Event().wait(0.01)
    upkeep.apply(site_with(tmp_path, HOOK.format(second.port)))
    (two,) = store.add_findings(records.KEY, [records.violation(t_s=40.0)])
    second.until(lambda r: r.ids() == [two.id])
    assert first.ids() == [one.id]
    upkeep.apply(site_with(tmp_path))
    store.add_findings(records.KEY, [records.violation(t_s=80.0)])
    assert store.outbox.waiting() == []
    assert tended(upkeep).deliveries == ()


def test_a_receiver_that_stays_away_is_an_alarm_and_an_event(tmp_path, store, ends, monkeypatch):
    monkeypatch.setattr("traffic_ai.delivery._PATIENCE_S", 0.0)
    store.start_source(records.KEY, "rtsp://gate/cam")
    upkeep, _ = upkeep_of(
        tmp_path, store, ends, Disk(600), HOOK.format(ends.enter_context(held_port()))
    )
    store.add_findings(records.KEY, [records.violation()])
    while not (view := tended(upkeep)).alarms:
        threading.Event().wait(0.01)
    ((part, said),) = view.alarms
    assert part == "delivery webhook"
    assert "1 messages wait" in said
    assert "Connection refused" in said
    assert events(store) == [("delivery webhook", "waiting")]


def test_a_delivery_that_cannot_be_is_refused_and_what_was_there_goes_on(
    tmp_path, store, ends, monkeypatch
):
    receiver = Receiver()
    ends.callback(receiver.close)
    upkeep, _ = upkeep_of(tmp_path, store, ends, Disk(600), HOOK.format(receiver.port))
    monkeypatch.setenv("HOOK_SECRET", "short")
    edited = site_with(tmp_path, HOOK.format(ends.enter_context(held_port())))
    with pytest.raises(ConfigError, match="delivery to webhook: a webhook's secret has 5 bytes"):
        upkeep.check(edited)
    with pytest.raises(ConfigError):
        upkeep.apply(edited)
    store.start_source(records.KEY, "rtsp://gate/cam")
    (one,) = store.add_findings(records.KEY, [records.violation()])
    receiver.until(lambda r: r.ids() == [one.id])


def test_a_delivery_that_the_store_cannot_take_up_leaves_what_was_there(
    tmp_path, store, ends, monkeypatch
):
    first, second = Receiver(), Receiver()
    ends.callback(first.close)
    ends.callback(second.close)
    upkeep, _ = upkeep_of(tmp_path, store, ends, Disk(600), HOOK.format(first.port))
    edited = site_with(tmp_path, HOOK.format(second.port))

    def locked(*arguments, **more):
        raise StoreError("another process keeps it locked")

    store.start_source(records.KEY, "rtsp://gate/cam")
    with monkeypatch.context() as patch:
        patch.setattr(store.outbox, "open", locked)
        with pytest.raises(StoreError):
            upkeep.apply(edited)
    (one,) = store.add_findings(records.KEY, [records.violation()])
    first.until(lambda r: r.ids() == [one.id])
    while store.outbox.waiting()[0].queued:  # the receiver has it before the courier knows
        threading.Event().wait(0.01)
    upkeep.apply(edited)
    (two,) = store.add_findings(records.KEY, [records.violation(t_s=40.0)])
    second.until(lambda r: r.ids() == [two.id])


# -- deletion --------------------------------------------------------------------------------------


def test_deletion_runs_at_once_with_each_change_of_retention_and_is_an_event(tmp_path, store, ends):
    asked, goes_on = [], threading.Semaphore(0)

    def retire(retention, stop):
        asked.append(dict(retention))
        goes_on.release()
        return 3

    text = "retention: {{speeding: {{days: {}}}}}\n"
    upkeep, _ = upkeep_of(tmp_path, store, ends, Disk(600), text.format(30), retire)
    assert goes_on.acquire(timeout=PATIENCE_S)
    upkeep.apply(site_with(tmp_path, text.format(20)))
    assert goes_on.acquire(timeout=PATIENCE_S)
    assert asked == [{ViolationKind.SPEEDING: Kept(days)} for days in (30, 20)]
    upkeep.apply(site_with(tmp_path, text.format(20)))
    while tended(upkeep).deleted_count < 6:
        threading.Event().wait(0.01)
    assert events(store)[-1] == ("retention", "deleted")
    assert len(asked) == 2


def test_a_deletion_that_fails_is_said_once_and_tried_again(caplog):
    failed = threading.Semaphore(0)

    def retire(retention, stop):
        failed.release()
        raise StoreError("the key does not fit")

    retirement = Retirement(retire)
    for days in (1, 2):
        retirement.apply({ViolationKind.SPEEDING: Kept(days)})
        assert failed.acquire(timeout=PATIENCE_S)
    retirement.close()
    assert retirement.trouble == "the key does not fit"
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


# -- what a killed watch left ----------------------------------------------------------------------


def test_records_whose_evidence_never_came_say_so_at_the_next_start(tmp_path, store):
    live, filed = records.KEY, replace(records.KEY, source_hash="f" * 64)
    store.start_source(live, "rtsp://***@gate/cam")
    store.start_source(filed, "a.mp4")
    lost, made, late, other = (records.violation(t_s=20.0 * n) for n in range(4))
    store.add_findings(live, [lost, made, late])
    store.add_findings(filed, [other])
    recorder = EvidenceRecorder(tmp_path / "evidence")
    footage = records.MadeFootage()
    for violation in (made, late):
        result = recorder.record(violation, footage, records.scene(), None)
        assert result.state is EvidenceState.WRITTEN, result.problems
    store.set_evidence(late.id, EvidenceState.FAILED, None, "no entry in the chain")
    gone = subprocess.Popen(["true"])
    gone.wait()
    half = recorder.folder(lost).parent / f".{lost.id}.{gone.pid}.partial"
    half.mkdir(parents=True)
    (half / "at.jpg").write_bytes(b"half a picture")
    settle_remains(tmp_path, store)
    found = {row.id: row for row in store.violations()}
    assert found[lost.id].evidence_state is EvidenceState.FAILED
    assert found[lost.id].evidence_message == NEVER_WRITTEN
    for violation in (made, late):
        assert found[violation.id].evidence_state is EvidenceState.WRITTEN
        assert (tmp_path / found[violation.id].evidence_path / "manifest.json").is_file()
    assert found[other.id].evidence_state is EvidenceState.PENDING
    assert not half.exists()
