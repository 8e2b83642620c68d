"""The violation store: what goes in comes out, once, in order."""

import dataclasses
import json
import sqlite3
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import KEY, START, near_miss, violation, wall
from traffic_ai.core.errors import StoreError, UsageError
from traffic_ai.core.frame import ClockSource
from traffic_ai.core.record import EvidenceState, headline
from traffic_ai.core.violation import ViolationKind, document
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import (
    CameraEvent,
    NearMissCount,
    RecordFilter,
    SourceKey,
    SourceState,
    ViolationCount,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "violations.sqlite"


@pytest.fixture
def store(path):
    with ViolationStore.open(path) as opened:
        opened.start_source(KEY, "videos/gate.mp4")
        yield opened


def ids(records):
    return [record.id for record in records]


def test_a_violation_comes_back_as_it_went_in(store):
    given_ = violation(ViolationKind.RED_LIGHT)
    assert store.add_findings(KEY, [given_]) == [given_]
    [found] = store.violations()
    assert (found.id, found.kind, found.camera_id, found.lane_id) == (
        given_.id,
        ViolationKind.RED_LIGHT,
        "gate",
        "lane-1",
    )
    assert found.road_user == "car"
    assert found.t_s == given_.t_s
    assert found.occurred_at == given_.occurred_at
    assert found.headline == headline(given_.measurement)
    assert found.provenance == given_.provenance
    assert found.source == "videos/gate.mp4"
    assert (found.evidence_state, found.evidence_path) == (EvidenceState.PENDING, None)
    [full] = store.documents()
    assert full.stored == found
    assert json.loads(full.document) == document(given_)


@pytest.mark.parametrize("kind", list(ViolationKind))
def test_every_kind_shows_its_headline_figures(store, kind):
    store.add_findings(KEY, [violation(kind)])
    [found] = store.violations()
    assert found.headline == headline(violation(kind).measurement)


def test_the_same_findings_again_add_nothing(store, path):
    findings = [violation(), near_miss(), violation(ViolationKind.WRONG_WAY), near_miss(t_s=9.0)]
    assert len(store.add_findings(KEY, findings)) == 2
    before = dump(path)
    assert store.add_findings(KEY, findings) == []
    store.start_source(KEY, "videos/gate.mp4")
    assert store.add_findings(KEY, reversed(findings)) == []
    assert dump(path) == before


def dump(path):
    with sqlite3.connect(path) as database:
        tables = ("violations", "near_misses")
        rows = [database.execute(f"SELECT * FROM {t} ORDER BY id").fetchall() for t in tables]
    database.close()
    return rows


def test_an_id_twice_in_one_call_is_added_once(store):
    assert len(store.add_findings(KEY, [violation(), violation()])) == 1


def test_two_near_misses_of_one_moment_stay_two(store):
    store.add_findings(KEY, [near_miss(track_id=1), near_miss(track_id=2)])
    assert len(list(store.near_misses())) == 2


def test_findings_are_added_all_or_none(store):
    def broken():
        yield violation()
        yield near_miss()
        raise RuntimeError("the rule failed here")

    with pytest.raises(RuntimeError, match="the rule failed here"):
        store.add_findings(KEY, broken())
    assert list(store.violations()) == []
    assert list(store.near_misses()) == []


def test_findings_of_a_source_that_was_not_started_are_refused(store):
    other = SourceKey("gate", "0" * 64, "c", "d", "1")
    with pytest.raises(StoreError, match="start_source first"):
        store.add_findings(other, [violation()])


def test_violations_come_by_wall_clock_time_then_recording_time_and_the_undated_last(store):
    made = [
        violation(t_s=9.0, occurred_at=None, id="z-undated-late"),
        violation(t_s=3.0, occurred_at=None, id="undated-early"),
        violation(t_s=1.0, occurred_at=wall(80.0), id="last"),
        violation(t_s=7.0, occurred_at=wall(10.0), id="second"),
        violation(t_s=5.0, occurred_at=wall(10.0), id="b-first"),
        violation(t_s=5.0, occurred_at=wall(10.0), id="a-first"),
    ]
    store.add_findings(KEY, made)
    expected = ["a-first", "b-first", "second", "last", "undated-early", "z-undated-late"]
    assert ids(store.violations()) == expected
    assert [full.stored.id for full in store.documents()] == expected


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(ViolationKind)),
            st.sampled_from(["north", "south", "東"]),
            st.one_of(st.none(), st.integers(0, 100)),
        ),
        max_size=12,
    ),
    st.sets(st.sampled_from(list(ViolationKind))),
    st.sets(st.sampled_from(["north", "東", "nowhere"])),
    st.one_of(st.none(), st.integers(0, 100)),
    st.one_of(st.none(), st.integers(0, 100)),
)
def test_a_filter_gives_exactly_what_matches(
    tmp_path_factory, made, kinds, cameras, since_s, until_s
):
    zone = timezone(timedelta(hours=7))
    since = None if since_s is None else wall(since_s).utc.astimezone(zone)
    until = None if until_s is None else wall(until_s).utc
    violations = [
        violation(
            kind,
            float(number),
            camera_id=camera,
            occurred_at=None if at_s is None else wall(at_s),
        )
        for number, (kind, camera, at_s) in enumerate(made)
    ]

    def matches(one):
        moment = one.occurred_at and one.occurred_at.utc
        return (
            (not kinds or one.kind in kinds)
            and (not cameras or one.camera_id in cameras)
            and (since is None or (moment is not None and moment >= since))
            and (until is None or (moment is not None and moment < until))
        )

    wanted = RecordFilter(tuple(kinds), tuple(cameras), since=since, until=until)
    with ViolationStore.open(tmp_path_factory.mktemp("run") / "violations.sqlite") as store:
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, violations)
        assert set(ids(store.violations(wanted))) == {v.id for v in violations if matches(v)}


def test_a_range_begins_with_its_first_moment_and_ends_before_its_last(store):
    made = [violation(t_s=t) for t in (10.0, 20.0, 30.0)]
    store.add_findings(KEY, made)
    wanted = RecordFilter(since=wall(10.0).utc, until=wall(30.0).utc)
    assert ids(store.violations(wanted)) == [made[0].id, made[1].id]


def test_filters_by_id_and_limit(store):
    made = [violation(t_s=float(t)) for t in range(5)]
    store.add_findings(KEY, made)
    assert ids(store.violations(RecordFilter(ids=(made[3].id,)))) == [made[3].id]
    assert ids(store.violations(RecordFilter(limit=2))) == [made[0].id, made[1].id]


def test_a_time_without_an_offset_is_refused_with_the_fix():
    with pytest.raises(UsageError, match=r"since 2026-05-01T03:00:00 has no time zone.*\+00:00"):
        RecordFilter(since=START.replace(tzinfo=None))


def test_counts_by_camera_kind_and_reason(store):
    store.add_findings(
        KEY,
        [
            violation(t_s=1.0),
            violation(t_s=2.0),
            violation(ViolationKind.WRONG_WAY),
            near_miss(1.0),
            near_miss(2.0),
            near_miss(3.0, reason="signal_unknown"),
        ],
    )
    assert store.counts() == [
        ViolationCount("gate", ViolationKind.SPEEDING, 2),
        ViolationCount("gate", ViolationKind.WRONG_WAY, 1),
    ]
    assert store.near_miss_counts() == [
        NearMissCount("gate", ViolationKind.RED_LIGHT, "grace_period", 2),
        NearMissCount("gate", ViolationKind.RED_LIGHT, "signal_unknown", 1),
    ]


def test_near_misses_keep_their_conditions_and_clock(store):
    given_ = near_miss()
    store.add_findings(KEY, [given_])
    [found] = store.near_misses(RecordFilter(kinds=(ViolationKind.RED_LIGHT,)))
    assert (found.reason, found.occurred_at) == ("grace_period", given_.occurred_at)
    assert found.occurred_at.source is ClockSource.GIVEN
    assert json.loads(found.document)["explanation"][0]["margin"] == pytest.approx(0.1)
    assert list(store.near_misses(RecordFilter(kinds=(ViolationKind.SPEEDING,)))) == []


def test_undated_violations_are_counted_whatever_the_range(store):
    store.add_findings(KEY, [violation(), violation(t_s=3.0, occurred_at=None)])
    wanted = RecordFilter(since=START + timedelta(days=1))
    assert list(store.violations(wanted)) == []
    assert store.undated_count(wanted) == 1
    assert store.undated_count(RecordFilter(camera_ids=("other",))) == 0


def test_evidence_is_noted_and_owed_until_written(store):
    first, second, third = (violation(t_s=t) for t in (1.0, 2.0, 3.0))
    unknown = violation(t_s=99.0)
    store.add_findings(KEY, [first, second, third])
    store.set_evidence(first.id, EvidenceState.WRITTEN, "evidence/a", "clip: none")
    store.set_evidence(second.id, EvidenceState.FAILED, None, "disk full")
    assert store.without_evidence([unknown, third, second, first]) == [third, second]
    [found] = store.violations(RecordFilter(ids=(first.id,)))
    assert (found.evidence_state, found.evidence_path, found.evidence_message) == (
        EvidenceState.WRITTEN,
        "evidence/a",
        "clip: none",
    )
    with pytest.raises(StoreError, match="no violation nowhere"):
        store.set_evidence("nowhere", EvidenceState.WRITTEN)


def test_a_source_is_done_only_when_finished_so(store):
    assert store.source_state(KEY) is SourceState.PARTIAL
    store.finish_source(
        KEY, SourceState.FAILED, frame_count=10, duration_s=0.4, message="damaged at 0.4 s"
    )
    assert not store.source_done(KEY)
    store.start_source(KEY, "moved/gate.mp4")
    assert store.source_state(KEY) is SourceState.PARTIAL
    store.finish_source(KEY, SourceState.DONE, frame_count=250, duration_s=10.0)
    assert store.source_done(KEY)
    [run] = store.sources()
    assert (run.key, run.location, run.state) == (KEY, "moved/gate.mp4", SourceState.DONE)
    assert (run.frame_count, run.duration_s, run.message) == (250, 10.0, "")
    assert run.finished_at >= run.started_at


@pytest.mark.parametrize(
    "part", ["camera_id", "source_hash", "config_hash", "model_hash", "rules_version"]
)
def test_another_camera_file_site_model_or_rule_version_is_another_analysis(store, part):
    store.finish_source(KEY, SourceState.DONE, frame_count=1, duration_s=1.0)
    assert store.source_state(dataclasses.replace(KEY, **{part: "other"})) is None


def test_a_source_that_was_not_started_cannot_be_finished(path):
    with ViolationStore.open(path) as store, pytest.raises(StoreError, match="start_source first"):
        store.finish_source(KEY, SourceState.DONE, frame_count=1, duration_s=1.0)


def test_a_file_name_that_is_not_utf8_is_kept_readable(store):
    store.start_source(KEY, b"caf\xe9.mp4".decode("utf-8", "surrogateescape"))
    assert [run.location for run in store.sources()] == ["caf\\udce9.mp4"]


def test_camera_events_come_in_time_order(store):
    later = CameraEvent(START + timedelta(seconds=5), "gate", "lost", "the camera fell silent")
    earlier = CameraEvent(START, "gate", "connected")
    other = CameraEvent(START, "north", "connected")
    for event in (later, earlier, other):
        store.add_camera_event(event)
    assert list(store.camera_events("gate")) == [earlier, later]
    assert len(list(store.camera_events())) == 3


def test_rows_are_streamed_while_another_row_is_written(store):
    store.add_findings(KEY, [violation(t_s=float(t)) for t in range(300)])
    rows = store.violations()
    next(rows)
    store.add_findings(KEY, [violation(t_s=1000.0)])
    assert len(list(rows)) == 299, "a list shows one moment of the store"
    assert len(list(store.violations())) == 301
