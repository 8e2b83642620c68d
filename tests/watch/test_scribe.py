"""The thread that writes to the store beside the analysis, and the ledgers it writes."""

import logging
import threading
import time

import pytest

from traffic_ai.core.errors import StoreError
from traffic_ai.watch import ledger as ledger_module
from traffic_ai.watch.ledger import Ledger
from traffic_ai.watch.scribe import Scribe


@pytest.fixture
def scribe():
    made = Scribe()
    made.start()
    yield made
    made.stop()


class Hanging:
    """An entry that hangs in the store until it may end."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        self.may_end.wait(60.0)


def locked():
    raise StoreError("locked")


def test_entries_of_all_cameras_are_written_in_a_thread_of_its_own(scribe):
    written = threading.Semaphore(0)
    threads = []

    def entry():
        threads.append(threading.current_thread().name)
        written.release()

    for name in ("one", "other", "one"):  # as they come while it is watched
        scribe.ledger(name).enter(entry)
        assert written.acquire(timeout=60.0)
    assert threads == ["store"] * 3


def test_what_is_entered_just_before_the_end_is_written(scribe):
    written = []
    scribe.ledger("gate").enter(lambda: written.append(1))
    scribe.stop()
    assert written == [1]
    assert not scribe._thread.is_alive()


def test_what_the_store_refuses_to_the_end_is_lost_and_said(scribe, caplog):
    scribe.ledger("gate").enter(locked)
    scribe.stop()
    assert "camera gate: 1 entries could not be written to the store and are lost" in caplog.text


def test_the_ledger_of_a_camera_that_is_no_more_is_kept_for_the_one_after_it(scribe):
    left = scribe.ledger("gate")
    left.enter(locked)
    assert scribe.ledger("gate") is left
    assert scribe.ledger("back") is not left


def test_a_store_that_hangs_is_noticed_and_not_waited_for(scribe, monkeypatch, caplog):
    hanging = Hanging()
    now_s = time.monotonic()
    assert not scribe.is_stuck(now_s + 3600.0)
    for entry in (hanging, lambda: None):
        scribe.ledger("gate").enter(entry)
    assert hanging.begun.wait(60.0)
    assert not scribe.is_stuck(time.monotonic())
    assert scribe.is_stuck(time.monotonic() + ledger_module._HANGS_S + 1.0)
    monkeypatch.setattr(ledger_module, "_HANGS_S", 0.01)
    scribe.stop()
    assert "camera gate: 2 entries could not be written" in caplog.text
    hanging.may_end.set()
    scribe._thread.join(60.0)
    assert not scribe.is_stuck(time.monotonic() + 3600.0)


def test_to_write_many_entries_is_not_to_hang():
    now = [1000.0]
    seen = []
    ledger = Ledger("gate", lambda: now[0])

    def entry():
        now[0] += 20.0
        seen.append(ledger.hangs(now[0]))

    for _ in range(5):
        ledger.enter(entry)
    ledger.settle()
    assert seen == [False] * 5


def test_what_ends_the_thread_is_raised_where_it_is_asked(monkeypatch):
    scribe = Scribe()
    monkeypatch.setattr(scribe.ledger("gate"), "settle", lambda at_once: 1 / 0)
    scribe.start()
    scribe._thread.join(60.0)
    with pytest.raises(ZeroDivisionError):
        scribe.is_stuck(0.0)
    scribe.stop()


# -- one ledger ------------------------------------------------------------------------------------


def test_a_store_that_refused_just_before_is_not_asked(caplog):
    now = [100.0]
    asked = []

    def refuse():
        asked.append(now[0])
        raise StoreError("locked")

    ledger = Ledger("gate", lambda: now[0])
    for _ in range(17):
        ledger.enter(refuse)
        ledger.settle()
        now[0] += 1.0
    # Never later: what a violation's evidence is made of is kept for half a minute.
    assert asked == [100.0, 105.0, 110.0, 115.0]
    ledger.settle(at_once=True)
    assert asked[4:] == [117.0]
    assert ledger.waiting_count == 17
    assert caplog.text.count("locked") == 1


def test_a_ledger_is_bounded_and_says_what_it_lost(caplog):
    caplog.set_level(logging.ERROR)
    ledger = Ledger("gate", lambda: 0.0)
    for _ in range(ledger_module._MOST + 7):
        ledger.enter(locked)
    ledger.settle()
    assert (ledger.waiting_count, ledger.lost_count) == (ledger_module._MOST, 7)
    assert ledger.trouble == f"{ledger_module._MOST} entries wait for the store, 7 are lost: locked"
    assert caplog.text.count("the oldest are lost") == 1
    ledger.close()
    assert f"{ledger_module._MOST + 7} entries could not be written" in caplog.text


def test_an_entry_that_breaks_otherwise_does_not_keep_the_others_waiting(caplog):
    written = []
    ledger = Ledger("gate")
    ledger.enter(lambda: 1 / 0)
    ledger.enter(lambda: written.append(1))
    ledger.settle()
    assert written == [1]
    assert ledger.lost_count == 1
    [record] = caplog.records
    assert record.exc_info[0] is ZeroDivisionError
