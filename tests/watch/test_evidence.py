"""When a live camera's evidence is written, and that nothing keeps the next from being written."""

import logging
import queue
import threading
from dataclasses import replace

import pytest

from tests.audit.test_verify import both
from tests.blocks import packages_of
from tests.records import KEY, MadeFootage, scene
from tests.records import violation as a_violation
from traffic_ai.audit.purge import purge, subject
from traffic_ai.audit.records import open_records
from traffic_ai.core.errors import EvidenceError, RecordGoneError, StoreError
from traffic_ai.core.record import EvidenceState
from traffic_ai.evidence.recorder import EvidenceRecorder, EvidenceResult
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch.evidence import TRAIL_S, EvidenceWriter, Owed


class Ring:
    """Footage of which only the newest moment matters here."""

    def __init__(self, newest_s=None):
        self.newest_s = newest_s
        self.foreseen = []

    def foresee(self, times_s):
        self.foreseen += times_s


class Clock:
    """A clock that a test sets, and that tells when it was looked at."""

    def __init__(self):
        self.now_s = 100.0
        self._looks = threading.Semaphore(0)

    def __call__(self):
        self._looks.release()
        return self.now_s

    def until_looked(self, times=3):
        while self._looks.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self._looks.acquire(timeout=60.0)


class Recorder:
    """Notes what it is asked for; raises what it is given."""

    def __init__(self, error=None):
        self._error = error

    def record(self, violation, footage, scene, signals, grounds):
        if self._error is not None:
            raise self._error
        return EvidenceResult(EvidenceState.WRITTEN, f"evidence/{violation.id}", ())


class Store:
    """What was noted, in order."""

    def __init__(self, fails_for=(), error=None):
        self.noted = queue.Queue()
        self._fails_for = fails_for
        self._error = error or StoreError("the disk is full")

    def without_evidence(self, violations):
        return list(violations)

    def set_evidence(self, violation_id, state, path=None, message=""):
        if violation_id in self._fails_for:
            raise self._error
        self.noted.put((violation_id, state, path, message))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def writer_of(clock):
    """Makes writers, which are closed with the test."""
    made = []

    def make(store):
        made.append(EvidenceWriter(store, clock))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


def owed(violation_id, ring, recorder=None, ends_s=12.0):
    """The evidence of a violation whose last still is at ends_s."""
    violation = replace(a_violation(), id=violation_id, t_s=11.0, stills_s=(10.0, 11.0, ends_s))
    return Owed(violation, ring, None, {}, recorder or Recorder())


def test_evidence_waits_until_the_footage_after_the_event_is_in(writer_of, clock):
    store, ring = Store(), Ring(12.0 + TRAIL_S - 0.1)
    writer_of(store).owe(owed("a", ring))
    clock.until_looked()
    assert store.noted.empty()
    ring.newest_s = 12.0 + TRAIL_S
    noted = store.noted.get(timeout=60.0)
    assert noted == ("a", EvidenceState.WRITTEN, "evidence/a", "")


def test_evidence_of_a_stream_that_fell_silent_is_written_with_what_there_is(writer_of, clock):
    store = Store()
    writer_of(store).owe(owed("a", Ring(12.5)))
    clock.until_looked()
    assert store.noted.empty()
    clock.now_s += 16.0
    assert store.noted.get(timeout=60.0)[0] == "a"


def test_evidence_whose_footage_is_in_does_not_wait_for_one_that_is_not(writer_of, clock):
    store = Store()
    writer = writer_of(store)
    writer.owe(owed("waits", Ring(12.5)))
    writer.owe(owed("ready", Ring(20.0)))
    assert store.noted.get(timeout=60.0)[0] == "ready"
    assert store.noted.empty()


def test_closing_writes_all_that_is_owed(clock):
    store = Store()
    writer = EvidenceWriter(store, clock)
    for name in "abc":
        writer.owe(owed(name, Ring(None)))
    writer.close()
    assert [store.noted.get_nowait()[0] for _ in range(3)] == ["a", "b", "c"]


def test_the_stills_of_what_is_written_together_are_foreseen(clock):
    ring = Ring(20.0)
    writer = EvidenceWriter(Store(), clock)
    writer.owe(owed("a", ring))
    writer.owe(owed("b", ring, ends_s=13.0))
    writer.close()
    assert ring.foreseen == [10.0, 11.0, 12.0, 10.0, 11.0, 13.0]


def test_a_fault_in_one_package_is_noted_and_the_next_is_written(writer_of, caplog):
    store = Store()
    writer = writer_of(store)
    writer.owe(owed("bad", Ring(20.0), Recorder(ZeroDivisionError("in a drawing"))))
    writer.owe(owed("good", Ring(20.0)))
    assert store.noted.get(timeout=60.0) == (
        "bad",
        EvidenceState.FAILED,
        None,
        "internal error ZeroDivisionError",
    )
    assert store.noted.get(timeout=60.0)[:2] == ("good", EvidenceState.WRITTEN)
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info


def test_a_store_that_refuses_one_note_gets_the_next(writer_of, caplog):
    store = Store(fails_for=("a",))
    writer = writer_of(store)
    writer.owe(owed("a", Ring(20.0)))
    writer.owe(owed("b", Ring(20.0)))
    assert store.noted.get(timeout=60.0)[0] == "b"
    assert "evidence of a could not be noted" in caplog.text


class Film(MadeFootage):
    """Footage that is in."""

    newest_s = 60.0

    def foresee(self, times_s):
        """Nothing is decoded along."""


@pytest.mark.parametrize("when", ["before it is due", "while it is made", "before it is noted"])
def test_of_a_record_that_is_deleted_no_evidence_stays(tmp_path, clock, when):
    made = a_violation()
    asked = []

    def delete():
        with open_records(tmp_path, "mai") as records:
            purge(records, subject(records, made.id), "asked for")

    class Recorder(EvidenceRecorder):
        def record(self, *case):
            asked.append(when)
            if when == "while it is made":
                delete()
            result = super().record(*case)
            if when == "before it is noted":
                delete()
            return result

    recorder = Recorder(tmp_path / "evidence")
    with ViolationStore.open(tmp_path / "violations.sqlite") as store:
        store.start_source(KEY, "rtsp://gate/cam")
        store.add_findings(KEY, [made])
        if when == "before it is due":
            delete()
        writer = EvidenceWriter(store, clock)
        writer.owe(Owed(made, Film(), scene(), {}, recorder))
        writer.close()
    assert asked == ([] if when == "before it is due" else [when])
    assert writer.counts.unnoted == 0
    assert packages_of(tmp_path) == {}
    assert both(tmp_path) == ([], [])


def test_a_package_of_a_deleted_record_that_cannot_be_removed_is_tried_again(clock):
    class Failing(Recorder):
        tries = queue.Queue()

        def withdraw(self, violation):
            self.tries.put(violation.id)
            if not clock.now_s > 100.0:
                raise EvidenceError("the disk is full")

    writer = EvidenceWriter(Store(fails_for=("a",), error=RecordGoneError("deleted")), clock)
    writer.owe(owed("a", Ring(20.0), Failing()))
    assert Failing.tries.get(timeout=60.0) == "a"
    clock.until_looked()
    assert writer.counts.unnoted == 1
    clock.now_s += 6.0
    assert Failing.tries.get(timeout=60.0) == "a"
    writer.close()
    assert writer.counts.unnoted == 0
    assert Failing.tries.empty()
