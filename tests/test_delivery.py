"""What waits in the outbox goes out in order, at least once, and is said where it cannot."""

import json
import logging
import random
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from tests.records import KEY, START, violation
from traffic_ai.core.errors import StoreError
from traffic_ai.core.ports import Receipt
from traffic_ai.delivery import Courier, Delivery, Route
from traffic_ai.sources.clock import Backoff
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.outbox import Destination
from traffic_ai.stores.records import CameraEvent


class Far:
    """A receiver that a test opens and shuts; `got` holds the ids it took."""

    def __init__(self, trouble=""):
        self.got = []
        self.stats = []
        self.trouble = trouble
        self.refuses = set()
        self.rounds = 0
        self.closed = False
        self._changed = threading.Condition()

    def send(self, messages):
        with self._changed:
            self.rounds += 1
            self._changed.notify_all()
            if self.trouble:
                return Receipt(trouble=self.trouble)
            refused = {n: "no" for n, m in messages.items() if m.id in self.refuses}
            taken = [n for n in messages if n not in refused]
            self.got += [messages[n].id for n in taken]
            return Receipt(frozenset(taken), refused)

    def tell(self, stats):
        with self._changed:
            self.stats.append(stats)
            self._changed.notify_all()

    def close(self):
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def until(self, wanted, seconds=60.0):
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self), seconds), vars(self)


@pytest.fixture
def store(tmp_path):
    with ViolationStore.open(tmp_path / "v.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        yield store


@pytest.fixture
def delivery(store):
    with closing(Delivery(store.outbox)) as delivery:
        yield delivery


def until_troubled(delivery, name):
    """A destination's view, once its courier has said what its first round met."""
    until_s = time.monotonic() + 60.0
    while not (view := {v.name: v for v in delivery.views()}[name]).trouble:
        assert time.monotonic() < until_s
        threading.Event().wait(0.01)
    return view


def quick():
    return Backoff(random.Random(1), 0.01, 0.05)


def found(store, *times_s):
    made = [violation(t_s=float(t)) for t in times_s]
    store.add_findings(KEY, made)
    return [v.id for v in made]


def test_what_waits_is_delivered_in_order_to_each(store, delivery):
    near, far = Far(), Far("the network is down")
    began_s = time.monotonic()
    delivery.start([Route(Destination("near"), near), Route(Destination("far"), far)])
    ids = found(store, *range(120))
    near.until(lambda sink: len(sink.got) == 120)
    assert near.got == ids
    assert far.got == []
    view = until_troubled(delivery, "far")
    assert (view.waiting.queued, view.trouble) == (120, "the network is down")
    assert 0.0 <= view.trouble_s <= time.monotonic() - began_s
    # Trouble that is soon over is no alarm.
    assert replace(view, trouble_s=9.0).alarm == ""
    assert replace(view, trouble_s=11.0).alarm == "waiting"


def test_what_waited_while_nobody_ran_is_delivered_by_the_next(store):
    far = Far("down")
    with closing(Delivery(store.outbox)) as first:
        first.start([Route(Destination("far"), far)])
        ids = found(store, 1, 2)
    far.until(lambda sink: sink.closed)
    ids += found(store, 3)
    with closing(Delivery(store.outbox)) as second:
        back = Far()
        second.start([Route(Destination("far"), back)])
        assert second.drain(60.0) == 0
    assert back.got == ids


def test_a_receiver_that_comes_back_gets_all(store):
    far = Far("down")
    store.outbox.open([Destination("far")])
    ids = found(store, 1, 2, 3)
    courier = Courier(store.outbox, Route(Destination("far"), far), quick())
    far.until(lambda sink: sink.rounds > 3)
    assert courier.trouble == "down"
    far.trouble = ""
    far.until(lambda sink: sink.got == ids)
    courier.stop()
    courier.join(60.0)
    assert courier.trouble == ""


def test_a_message_that_is_refused_is_set_aside_said_and_tried_at_the_next_start(
    store, delivery, caplog
):
    far = Far()
    store.outbox.open([Destination("far")])
    ids = found(store, 1, 2, 3)
    far.refuses = {ids[1]}
    delivery.start([Route(Destination("far"), far)])
    far.until(lambda sink: len(sink.got) == 2)
    assert delivery.drain(60.0) == 1
    (view,) = delivery.views()
    assert (view.alarm, view.waiting.refused) == ("refused", 1)
    assert f"far will not take message {ids[1]}: no" in caplog.text
    far.refuses = set()
    delivery.start([Route(Destination("far"), far)])
    far.until(lambda sink: len(sink.got) == 3)
    assert far.got == [ids[0], ids[2], ids[1]]


def test_a_store_that_cannot_note_a_delivery_makes_a_duplicate_not_a_loss(store, monkeypatch):
    far = Far()
    store.outbox.open([Destination("far")])
    (name,) = found(store, 1)
    settle = store.outbox.settle
    fails = [StoreError("the disk is full")]

    def fragile(*arguments):
        if fails:
            raise fails.pop()
        settle(*arguments)

    monkeypatch.setattr(store.outbox, "settle", fragile)
    courier = Courier(store.outbox, Route(Destination("far"), far), quick())
    far.until(lambda sink: len(sink.got) == 2)
    courier.stop()
    courier.join(60.0)
    assert far.got == [name, name]
    assert store.outbox.take("far", 10) == {}


def test_a_sink_with_a_fault_is_tried_again(store, caplog):
    far = Far()
    (fault,) = faults = [ZeroDivisionError("in a sink")]
    send = far.send

    def faulty(messages):
        if faults:
            raise faults.pop()
        return send(messages)

    far.send = faulty
    store.outbox.open([Destination("far")])
    courier = Courier(store.outbox, Route(Destination("far"), far), quick())
    ids = found(store, 1)
    far.until(lambda sink: sink.got == ids)
    courier.stop()
    courier.join(60.0)
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info[1] is fault


def test_a_queue_near_its_bound_and_one_that_drops_are_alarms(store, delivery):
    far = Far("down")
    delivery.start([Route(Destination("far", max_messages=10), far)])
    found(store, *range(9))
    until_troubled(delivery, "far")
    assert delivery.views()[0].alarm == "nearly full"
    store.add_camera_event(CameraEvent(START, "gate", "live"))
    found(store, 20, 21)
    (view,) = delivery.views()
    assert view.alarm == "dropping"
    assert "2 were dropped" in view.detail
    assert "down" in view.detail
    far.trouble = ""


def test_all_are_told_how_it_stands_from_time_to_time(store, delivery):
    far = Far()
    delivery.start([Route(Destination("far"), far)])
    for _ in range(3):
        delivery.tell(lambda: json.dumps({"cameras": 8}))
    far.until(lambda sink: sink.stats)
    assert far.stats == ['{"cameras": 8}']


def test_what_waits_for_who_is_named_no_more_is_thrown_away_unless_others_may_want_it(
    store, delivery
):
    delivery.start([Route(Destination("far"), Far("down"))])
    found(store, 1)
    delivery.start([Route(Destination("near"), Far("down"))], only=False)
    assert len(store.outbox.take("far", 10)) == 1
    delivery.start([])
    assert store.outbox.waiting() == []
