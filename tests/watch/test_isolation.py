"""What breaks in one camera's analysis stays there: told, counted, begun anew."""

import sqlite3
from contextlib import closing

import pytest

from tests.blocks import Block, BlockDetector, rows_of, write_site
from tests.watch.test_camera import Stream, film, session, tend, work_all
from tests.watching import end
from traffic_ai.core.errors import StoreError
from traffic_ai.stores.database import ViolationStore
from traffic_ai.watch import errors
from traffic_ai.watch import ledger as ledger_module
from traffic_ai.watch.camera import WatchedCamera
from traffic_ai.watch.ledger import Ledger
from traffic_ai.wiring import open_site


class Refusing(ViolationStore):
    """A store whose disk is full as long as `full`."""

    full = False

    def add_findings(self, *arguments):
        self._check()
        return super().add_findings(*arguments)

    def start_source(self, *arguments):
        self._check()
        super().start_source(*arguments)

    def add_camera_event(self, event):
        self._check()
        super().add_camera_event(event)

    def _check(self):
        if self.full:
            raise StoreError("the disk is full")


@pytest.fixture
def impatient(monkeypatch):
    """Nothing is waited out."""
    monkeypatch.setattr(errors, "_REST_S", 0.0)
    monkeypatch.setattr(ledger_module, "_AGAIN_S", 0.0)


@pytest.fixture
def make(tmp_path):
    stores = []

    def making(detector=None, name="gate"):
        site = open_site(write_site(tmp_path / "site.yaml", {"id": name}))
        stores.append(Refusing.open(tmp_path / "violations.sqlite"))
        stream = Stream()
        detector = detector or BlockDetector()
        watched = WatchedCamera(
            site.cameras[0],
            stream,
            detector,
            stores[-1],
            Ledger(name),
            None,
            recorder=None,
            every_frame=True,
        )
        return watched, stream, stores[-1]

    yield making
    for store in stores:
        store.close()


def breaking(*numbers):
    """A detector that breaks at these calls."""

    def at_call(number):
        if number in numbers:
            raise ZeroDivisionError("the network made no sense of it")

    return BlockDetector(at_call)


def test_a_detector_that_breaks_on_a_picture_costs_the_tracks_and_nothing_more(
    make, impatient, tmp_path, caplog
):
    watched, stream, _ = make(breaking(3, 4))
    blocks = (Block(0.0), Block(2.4))
    work_all(watched, stream, film(session(1), 0.0, 0.32, blocks=blocks))
    view = watched.view(0.0)
    assert view.error_count == 2
    assert view.trouble == "internal error ZeroDivisionError: the network made no sense of it"
    assert caplog.text.count("Traceback") == 1, "the same one is told once"
    work_all(watched, stream, film(session(1), 0.32, 4.4, blocks=blocks))
    end(watched)
    assert watched.view(0.0).trouble == ""
    assert len(rows_of(tmp_path)["violations"]) == 2


def test_a_rule_that_breaks_in_every_picture_leaves_the_other_camera_its_time(
    make, tmp_path, monkeypatch, caplog
):
    broken, its_stream, _ = make(name="broken")
    sound, stream, _ = make(name="sound")
    monkeypatch.setattr(broken, "_begin", lambda *_: 1 / 0)
    now_s = 1000.0
    both = zip(film(session(1), 0.0, 2.0), film(session(2), 0.0, 2.0), strict=True)
    for one, other in both:
        now_s += 0.08
        its_stream.frames.append(one)
        stream.frames.append(other)
        assert broken.work(lambda now_s=now_s: now_s)
        assert sound.work(lambda now_s=now_s: now_s)
    for camera in (broken, sound):
        tend(camera)
        end(camera)
    # A look a second, not one a picture.
    assert broken.view(now_s).error_count == 2
    assert "ZeroDivisionError" in broken.view(now_s).trouble
    assert sound.view(now_s).error_count == 0
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_what_a_store_refuses_is_kept_in_order_and_written_later(make, impatient, tmp_path):
    watched, stream, store = make()
    store.full = True
    work_all(watched, stream, film(session(1), 0.0, 2.0))
    view = watched.view(0.0)
    assert view.violation_count == 0
    assert view.unsaved_count >= 2
    assert "the disk is full" in view.trouble
    assert rows_of(tmp_path)["violations"] == []
    store.full = False
    tend(watched)
    view = watched.view(0.0)
    assert (view.unsaved_count, view.trouble, view.error_count) == (0, "", 0)
    assert view.violation_count == 1
    end(watched)
    assert [event.state for event in store.camera_events("gate")] == ["live", "offline"]
    assert [run.state for run in store.sources()] == ["done"]
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_no_picture_waits_for_the_store(make, tmp_path, monkeypatch):
    watched, stream, _ = make()
    writing = []
    monkeypatch.setattr(Refusing, "_check", lambda _: writing.append(watched.view(0.0)))
    for frame in film(session(1), 0.0, 2.0):
        stream.frames.append(frame)
        assert watched.work(lambda: 0.0)
        watched.tend()
    assert writing == []
    assert watched.view(0.0).unsaved_count >= 2
    with watched._turn:  # a picture is in work
        watched.ledger.settle()
    assert len(writing) == 3  # the source, the camera's state, what was found
    end(watched)
    assert len(rows_of(tmp_path)["violations"]) == 1


def test_what_is_left_of_a_session_whose_beginning_was_lost_is_written(
    make, impatient, monkeypatch, tmp_path
):
    watched, stream, store = make()
    store.full = True
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "_MOST", 1)
        work_all(watched, stream, film(session(1), 0.0, 2.0))
    view = watched.view(0.0)
    assert (view.unsaved_count, view.lost_count) == (1, 2)
    assert "2 are lost" in view.trouble
    store.full = False
    tend(watched)
    view = watched.view(0.0)
    assert (view.unsaved_count, view.trouble, view.violation_count) == (0, "", 1)
    end(watched)
    assert len(rows_of(tmp_path)["violations"]) == 1
    assert [run.state for run in store.sources()] == ["done"]


def test_a_camera_whose_store_is_gone_still_ends(make, impatient, caplog):
    watched, stream, store = make()
    store.full = True
    work_all(watched, stream, film(session(1), 0.0, 2.0))
    end(watched)
    assert "could not be written to the store and are lost" in caplog.text


def test_a_store_that_another_program_locks_costs_a_moment_and_no_record(impatient, tmp_path):
    site = open_site(write_site(tmp_path / "site.yaml", {"id": "gate"})).cameras[0]
    path = tmp_path / "violations.sqlite"
    stream = Stream()
    with ViolationStore.open(path, patience_s=0.01) as store:
        watched = WatchedCamera(
            site,
            stream,
            BlockDetector(),
            store,
            Ledger("gate"),
            None,
            recorder=None,
            every_frame=True,
        )
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            work_all(watched, stream, film(session(1), 0.0, 2.0))
            assert "another process keeps it locked" in watched.view(0.0).trouble
            other.execute("ROLLBACK")
        tend(watched)
        end(watched)
    assert len(rows_of(tmp_path)["violations"]) == 1
    assert watched.view(0.0).trouble == ""


def test_a_rule_that_breaks_at_the_end_keeps_nothing_else_from_being_written(
    make, impatient, monkeypatch
):
    watched, stream, store = make()
    work_all(watched, stream, film(session(1), 0.0, 1.0))
    monkeypatch.setattr(watched._running.session, "close", lambda: 1 / 0)
    end(watched)
    assert [event.state for event in store.camera_events("gate")] == ["live", "offline"]
    assert watched.view(0.0).error_count == 1
