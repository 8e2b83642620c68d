"""What was committed is whole and once there, whoever is killed, and all of it is delivered.

The number in a test's docstring is that of the fault.
"""

import hashlib
import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import pytest

from tests.blocks import ROOT, leftovers_of, packages_of, rows_of
from tests.broker import Broker, Listener, Receiver, held_port, needs_mqtt
from tests.faults import killing, sending
from tests.records import KEY, violation
from traffic_ai.audit.verify import verify
from traffic_ai.core.record import EvidenceState
from traffic_ai.delivery import Delivery
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME
from traffic_ai.watch.remains import settle_remains

pytestmark = pytest.mark.timeout(900)  # 200 processes, one after the other

KILLS = 200


def run_module(module, *arguments, seconds=800):
    done = subprocess.run(
        [sys.executable, "-m", module.__name__, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kill_9_at_200_moments_loses_halves_and_doubles_nothing(tmp_path):
    """18."""
    reported = json.loads(run_module(killing, tmp_path, KILLS, 18))
    assert reported.get("error") is None
    assert reported.get("failed") is None
    assert len(reported["ready"]) == KILLS
    assert len(reported["found"]) > KILLS / 2
    rows = {row["id"]: row for row in rows_of(tmp_path)["violations"]}
    # What was said to be there is there; what is there beyond it was committed just before a kill.
    assert set(reported["found"]) <= set(rows)
    assert len(rows) <= len(reported["found"]) + KILLS
    assert all(json.loads(row["document"])["id"] == name for name, row in rows.items())
    with closing(sqlite3.connect(tmp_path / STORE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    check_packages(tmp_path, rows, reported["written"])
    with ViolationStore.open(tmp_path / STORE_NAME) as store:
        check_messages(store, rows, reported["delivered"])
        settle_remains(tmp_path, store)
        states = {row.id: row.evidence_state for row in store.violations()}
    packages = packages_of(tmp_path)
    for name, state in states.items():
        assert state is (EvidenceState.WRITTEN if name in packages else EvidenceState.FAILED)
    assert leftovers_of(tmp_path) == []
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]
    report = verify(tmp_path)
    assert report.problems == []


def check_packages(out, rows, written):
    """Every package under its final name is whole, and those that were reported are there."""
    packages = packages_of(out)
    assert set(written) <= set(packages) <= set(rows)
    assert {name for name, row in rows.items() if row["evidence_state"] == "written"} <= set(
        packages
    )
    for path in packages.values():
        manifest = json.loads((path / "manifest.json").read_text())
        for file in manifest["files"]:
            data = (path / file["file"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
        assert any(file["file"].startswith("clip") for file in manifest["files"])
        assert (path / "seal.json").is_file()


def check_messages(store, rows, delivered):
    """Each record's message waits or was delivered, and waits once at most."""
    waiting = list(store.outbox.take(killing.DESTINATION.name, 10_000).values())
    new = [message.id for message in waiting if message.id == message.subject in rows]
    assert len(set(new)) == len(new)
    assert set(new) | (set(delivered) & set(rows)) == set(rows)
    written = {m.subject for m in waiting if "-evidence-written-" in m.id}
    written |= {name.partition("-")[0] for name in delivered if "-evidence-written-" in name}
    assert written == {name for name, row in rows.items() if row["evidence_state"] == "written"}
    (state,) = store.outbox.waiting()
    assert (state.queued, state.dropped, state.refused) == (len(waiting), 0, 0)


# -- delivery --------------------------------------------------------------------------------------


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


def queued(path, count, destinations):
    """A store in which messages of so many violations wait; their ids."""
    with ViolationStore.open(path) as store:
        store.outbox.open(destinations)
        store.start_source(KEY, "rtsp://***@gate/cam")
        made = [violation(t_s=float(t)) for t in range(count)]
        store.add_findings(KEY, made)
    return [v.id for v in made]


def once(ids):
    return list(dict.fromkeys(ids))


# The broker may acknowledge what it has neither kept nor handed on when it is killed.
@pytest.mark.flaky(reruns=2)
@needs_mqtt
def test_broker_and_receiver_that_are_down_die_and_come_back_get_all_in_order(tmp_path, ends):
    """19, the receivers' part."""
    broker = Broker(tmp_path)
    ends.callback(broker.close)
    port = ends.enter_context(held_port())
    routes = sending.routes(broker.url, f"http://127.0.0.1:{port}/hook")
    ids = queued(tmp_path / STORE_NAME, 600, [route.destination for route in routes])
    store = ends.enter_context(ViolationStore.open(tmp_path / STORE_NAME))
    delivery = ends.enter_context(closing(Delivery(store.outbox)))
    delivery.start(routes)
    while not all(view.trouble for view in delivery.views()):
        threading.Event().wait(0.01)
    assert [view.waiting.queued for view in delivery.views()] == [600, 600]
    listener = Listener(broker.start().port)
    ends.callback(listener.close)
    taken = []
    for number in (60, 290):
        receiver = Receiver(port, dies_at=number)
        ends.callback(receiver.close)
        died = threading.Event()
        listener.at[len(listener.heard) + number] = lambda died=died: (
            broker.process.kill(),
            died.set(),
        )
        receiver.until(lambda r, number=number: len(r.seen) > number)
        assert died.wait(30.0)
        broker.kill()
        receiver.close()
        taken += receiver.ids()
        broker.start()
    receiver = Receiver(port)
    ends.callback(receiver.close)
    while any(view.waiting.queued for view in delivery.views()):
        threading.Event().wait(0.02)
    listener.until(lambda heard: len(set(heard.ids())) == len(ids))
    taken += receiver.ids()
    assert once(listener.ids()) == ids
    assert once(taken) == ids
    assert [view.waiting.delivered for view in delivery.views()] == [600, 600]


@needs_mqtt
def test_a_sender_killed_in_mid_publish_loses_nothing(tmp_path, ends):
    """19, the sender's part."""
    broker = Broker(tmp_path).start()
    ends.callback(broker.close)
    receiver = Receiver()
    ends.callback(receiver.close)
    listener = Listener(broker.port)
    ends.callback(listener.close)
    routes = sending.routes(broker.url, receiver.url())
    ids = queued(tmp_path / STORE_NAME, 800, [route.destination for route in routes])
    run_module(sending, tmp_path / STORE_NAME, broker.url, receiver.url(), 12, 19)
    listener.until(lambda heard: len(set(heard.ids())) == len(ids))
    # What was sent again has the id it had; the order is that of the first time.
    assert once(listener.ids()) == ids
    assert once(receiver.ids()) == ids
    assert len(listener.ids()) >= len(ids)
