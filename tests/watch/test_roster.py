"""Cameras added, removed and altered in the site file while a watch runs."""

import logging
import socket
import sqlite3
from contextlib import closing
from functools import partial

import pytest

from tests.blocks import put_in_place, write_site
from tests.broker import held_port
from traffic_ai.evidence.encryption import make_reader
from traffic_ai.sources.live import LiveCamera
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME
from traffic_ai.watch import ledger, run

HOOK = "delivery: {{webhooks: [{{url: 'http://127.0.0.1:{}/', secret: '${{HOOK_SECRET}}'}}]}}\n"


@pytest.fixture
def silent_url():
    """A camera that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/cam"


@pytest.fixture
def free_port():
    with held_port() as port:
        yield port


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """No reader gives up by itself, so that one that changes was changed by the site file."""
    patient = partial(LiveCamera, stall_timeout_s=600.0)
    monkeypatch.setattr("traffic_ai.watch.run.LiveCamera", patient)


@pytest.fixture
def cameras(silent_url):
    return [{"id": name, "source": silent_url} for name in ("a", "b")]


@pytest.fixture
def site(tmp_path, cameras):
    return write_site(tmp_path / "site.yaml", *cameras)


def readers_of(views):
    return {name: view.reader_pid for name, view in views.items()}


def test_an_added_camera_is_taken_up_and_the_others_notice_nothing(
    run_watch, site, cameras, silent_url, tmp_path
):
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    write_site(site, *cameras, {"id": "c", "source": silent_url})
    after = readers_of(running.until(lambda views: len(views) == 3 and views["c"].reader_pid))
    assert {name: after[name] for name in "ab"} == before


def test_a_removed_camera_is_ended(run_watch, site, cameras, tmp_path):
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    write_site(site, cameras[1])
    after = readers_of(running.until(lambda views: set(views) == {"b"}))
    assert after["b"] == before["b"]


def test_an_altered_camera_begins_anew_and_only_it(run_watch, site, cameras, tmp_path):
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    write_site(site, cameras[0], cameras[1] | {"name": "the other one"})
    changed = running.until(lambda views: views["b"].reader_pid not in (None, before["b"]))
    assert changed["a"].reader_pid == before["a"]


def test_another_reader_of_the_evidence_is_taken_up(run_watch, site, tmp_path):
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    [public] = make_reader(tmp_path / "reader.key").public_keys
    put_in_place(site, site.read_text() + f"evidence: {{encrypt_for: [{public}]}}\n")
    running.until(
        lambda views: all(v.reader_pid not in (None, before[n]) for n, v in views.items())
    )


@pytest.mark.parametrize("text", ["version: 1\ncameras: [{id: a, lanes: 5}]\n", "", "version: 1\n"])
def test_a_broken_edit_is_refused_and_the_old_one_kept(
    run_watch, site, cameras, silent_url, tmp_path, caplog, text
):
    caplog.set_level(logging.ERROR)
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    put_in_place(site, text)
    running.until(lambda views: "is not followed" in caplog.text)
    assert readers_of(running.views) == before
    write_site(site, *cameras, {"id": "c", "source": silent_url})
    running.until(lambda views: len(views) == 3)
    assert caplog.text.count("is not followed") == 1


def test_an_edit_that_the_store_cannot_take_up_is_followed_once_it_can(
    run_watch, site, free_port, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(run, "_STORE_PATIENCE_S", 0.01)
    monkeypatch.setattr(run, "_LOOK_EVERY_S", 0.05)
    monkeypatch.setenv("HOOK_SECRET", "k" * 32)
    running = run_watch(site, tmp_path / "out")
    running.until(lambda views: all(readers_of(views).values()))
    with closing(sqlite3.connect(tmp_path / "out" / STORE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        put_in_place(site, site.read_text() + HOOK.format(free_port))
        running.until(lambda views: "is not followed yet" in caplog.text)
        assert running.upkeep.deliveries == ()
        other.execute("ROLLBACK")
    running.until(lambda views: running.upkeep.deliveries)
    assert caplog.text.count("is not followed") == 1


def test_what_the_store_refused_of_a_camera_outlives_its_alteration(
    run_watch, site, cameras, tmp_path, monkeypatch
):
    monkeypatch.setattr(run, "_STORE_PATIENCE_S", 0.01)
    monkeypatch.setattr(ledger, "_AGAIN_S", 0.05)
    running = run_watch(site, tmp_path / "out")
    before = readers_of(running.until(lambda views: all(readers_of(views).values())))
    with closing(sqlite3.connect(tmp_path / "out" / STORE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write_site(site, cameras[1] | {"name": "the other one"})  # the first is removed
        running.until(lambda views: set(views) == {"b"} and views["b"].reader_pid)
        assert running.views["b"].reader_pid != before["b"]
        running.until(lambda views: views["b"].unsaved_count >= 2)
        other.execute("ROLLBACK")
    running.until(lambda views: views["b"].unsaved_count == 0)
    running.stop()
    with ViolationStore.open(tmp_path / "out" / STORE_NAME) as store:
        states = {name: [e.state for e in store.camera_events(name)] for name in "ab"}
    assert states["a"][-1] == "offline"
    assert states["b"].count("offline") == 2
