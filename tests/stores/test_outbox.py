"""Messages are kept with what they tell of, in order, bounded, until they are delivered."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import KEY, near_miss, violation
from traffic_ai.core.message import MessageKind, MessageType
from traffic_ai.core.record import EvidenceState, Review, ReviewState
from traffic_ai.stores import tables
from traffic_ai.stores.connection import writing
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.outbox import Destination
from traffic_ai.stores.records import CameraEvent

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with ViolationStore.open(tmp_path / "v.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        yield store


def messages(store, name="office", limit=1000):
    return list(store.outbox.take(name, limit).values())


def figures(store, name="office"):
    (found,) = [w for w in store.outbox.waiting() if w.destination.name == name]
    return found.queued, found.delivered, found.dropped, found.refused


def test_nothing_is_kept_where_nobody_wants_it(store):
    store.add_findings(KEY, [violation()])
    assert store.outbox.waiting() == []
    store.outbox.open([Destination("office")])
    assert messages(store) == []


def test_a_violation_and_what_becomes_of_it_are_told_in_order_to_everybody(store):
    store.outbox.open([Destination("office"), Destination("mqtt")])
    one = violation()
    store.add_findings(KEY, [one, near_miss()])
    store.add_findings(KEY, [one])
    store.set_evidence(one.id, EvidenceState.WRITTEN, "evidence/x", "no clip")
    with store.changing() as changes:
        changes.review(one.id, Review(ReviewState.CONFIRMED, by="Ann", at=NOW, chain_entry=2))
    for name in ("office", "mqtt"):
        found = messages(store, name)
        assert [m.type for m in found] == [MessageType.NEW, MessageType.UPDATE, MessageType.UPDATE]
        assert found[0].id == one.id
        assert {m.subject for m in found} == {one.id}
        assert len({m.id for m in found}) == 3
    new, evidence, review = (json.loads(m.body) for m in messages(store))
    assert new["violation"]["measurement"]["speed_kmh"] == 83.456
    assert "trajectory" not in new["violation"]
    assert new["evidence"]["state"] == "pending"
    assert evidence["evidence"] == {"state": "written", "path": "evidence/x", "message": "no clip"}
    assert review["review"] == {"state": "confirmed", "reason": None}
    assert {m["id"] for m in (new, evidence, review)} == {one.id}


def test_a_deleted_record_is_told_of_no_more_but_that_it_was_deleted(store):
    store.outbox.open([Destination("office")])
    one, other = violation(), violation(t_s=40.0)
    store.add_findings(KEY, [one, other])
    with store.changing() as changes:
        changes.delete(one.id, "gate", NOW, 3)
        changes.delete(one.id, "gate", NOW, 3)
    told = [(m.type, m.subject) for m in messages(store)]
    assert told == [(MessageType.NEW, other.id), (MessageType.END, one.id)]


def test_a_change_of_a_camera_is_told(store):
    store.outbox.open([Destination("office")])
    store.add_camera_event(CameraEvent(NOW, "gate", "stalled", "nothing for 5 s"))
    (told,) = messages(store)
    assert (told.kind, told.subject) == (MessageKind.CAMERA, "gate")
    assert json.loads(told.body)["detail"] == "nothing for 5 s"


def test_neither_the_record_nor_its_message_is_kept_alone(store):
    store.outbox.open([Destination("office")])
    with writing(store._engine) as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER made_to_fail BEFORE INSERT ON outbox "
            "BEGIN SELECT RAISE(ABORT, 'made to fail'); END"
        )
    with pytest.raises(Exception, match="made to fail"):
        store.add_findings(KEY, [violation()])
    assert list(store.violations()) == []
    assert figures(store) == (0, 0, 0, 0)


def test_what_was_delivered_is_forgotten_and_what_was_refused_set_aside_until_the_next_start(store):
    store.outbox.open([Destination("office"), Destination("mqtt")])
    store.add_findings(KEY, [violation(t_s=float(t)) for t in range(3)])
    first, second, third = store.outbox.take("office", 10)
    store.outbox.settle("office", [first], {second: "answered 422"})
    assert list(store.outbox.take("office", 10)) == [third]
    assert figures(store) == (2, 1, 0, 1)
    assert figures(store, "mqtt") == (3, 0, 0, 0)
    store.outbox.open([Destination("office"), Destination("mqtt")])
    assert list(store.outbox.take("office", 10)) == [second, third]
    assert figures(store) == (2, 1, 0, 0)


def test_a_number_that_was_delivered_is_never_another_messages(store):
    store.outbox.open([Destination("office")])
    store.add_findings(KEY, [violation()])
    (number,) = store.outbox.take("office", 10)
    store.outbox.settle("office", [number], {})
    store.add_findings(KEY, [violation(t_s=40.0)])
    store.outbox.settle("office", [number], {number: "late"})
    assert figures(store) == (1, 1, 0, 0)


def test_a_destination_that_is_named_no_more_loses_what_waits_for_it(store):
    store.outbox.open([Destination("office"), Destination("mqtt")])
    store.add_findings(KEY, [violation()])
    store.outbox.open([Destination("mqtt")])
    assert [w.destination.name for w in store.outbox.waiting()] == ["mqtt"]
    store.outbox.open([Destination("office")], close_others=False)
    assert messages(store) == []
    assert len(messages(store, "mqtt")) == 1


def test_beyond_the_bound_states_of_cameras_go_first_and_then_the_oldest(store):
    store.outbox.open([Destination("office", max_messages=4)])
    first, *others = (violation(t_s=float(t)) for t in range(5))
    store.add_findings(KEY, [first])
    store.add_camera_event(CameraEvent(NOW, "gate", "live"))
    store.add_findings(KEY, others[:3])
    assert [m.subject for m in messages(store)] == [first.id, *(v.id for v in others[:3])]
    assert figures(store) == (4, 0, 1, 0)
    store.add_findings(KEY, others[3:])
    assert [m.subject for m in messages(store)] == [v.id for v in others]
    assert figures(store) == (4, 0, 2, 0)
    # The records themselves are all there.
    assert len(list(store.violations())) == 5


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(3000, 20_000),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_bounds_hold_and_figures_are_those_of_the_rows(
    tmp_path_factory, most, most_bytes, batches, taken
):
    path = tmp_path_factory.mktemp("bounds") / "v.sqlite"
    with ViolationStore.open(path) as store:
        store.start_source(KEY, "a.mp4")
        store.outbox.open([Destination("office", most, most_bytes)])
        t_s = 0
        for count in batches:
            made = [violation(t_s=float(t_s + i)) for i in range(count)]
            t_s += count
            store.add_findings(KEY, [replace(v, lane_id="x" * 500) for v in made])
            numbers = list(store.outbox.take("office", taken))
            store.outbox.settle("office", numbers[1:], dict.fromkeys(numbers[:1], "no"))
            (state,) = store.outbox.waiting()
            assert state.queued <= most
            assert state.queued_bytes <= most_bytes
            assert state.delivered + state.dropped + state.queued == t_s
            with store._engine.connect() as connection:
                rows = connection.execute(tables.outbox.select()).all()
            assert state.queued == len(rows)
            assert state.queued_bytes == sum(len(row.body.encode()) for row in rows)
            assert state.refused == sum(row.refusal is not None for row in rows)
