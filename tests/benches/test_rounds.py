"""Records of live cameras held against the rounds of the clip they show, on made-up records."""

import pytest

from benchmarks.watch.rounds import Event, Held, Seen, held, phase_s

PERIOD_S = 42.0
A_ROUND = [
    Event("red_light", "north", 5.0),
    Event("red_light", "north", 5.6),
    Event("speeding", "south", 20.0),
    Event("wrong_way", "south", 41.5),
]


def shown(begins_s: float, seconds: float, off_s: float = 0.0) -> list[Event]:
    """What a camera records of the rounds, the first of which begins so late or early."""
    every = [
        Event(one.kind, one.lane_id, begins_s + number * PERIOD_S + one.t_s + off_s)
        for number in range(10)
        for one in A_ROUND
    ]
    return [one for one in every if 0.0 <= one.t_s <= seconds]


def against(records: list[Event], seconds: float) -> Held:
    return held(A_ROUND, [Seen("c0", "session", seconds, records)], PERIOD_S)


@pytest.mark.parametrize("off_s", [-0.4, 0.0, 0.4])
def test_all_are_found_and_the_rounds_that_are_cut_do_not_count(off_s: float) -> None:
    result = against(shown(-30.0, 150.0, off_s), 150.0)
    assert result.rounds == 3
    assert result.due == result.found == {"red_light": 6, "speeding": 3, "wrong_way": 3}
    assert result.lost == result.gained == []


def test_a_record_too_many_stands_for_none_that_is_lost() -> None:
    records = shown(10.0, 150.0)
    records[6] = Event("speeding", "south", 75.0)
    result = against(records, 150.0)
    assert [(event.kind, round(event.t_s, 6)) for _, event in result.lost] == [("speeding", 72.0)]
    assert [event for _, event in result.gained] == [records[6]]
    assert result.document()["lost"] == result.document()["gained"] == {"speeding": 1}


def test_another_lane_is_another_event() -> None:
    records = shown(1.0, 100.0)
    records[2] = Event("speeding", "north", records[2].t_s)
    result = against(records, 100.0)
    assert [event.lane_id for _, event in result.lost] == ["south"]
    assert [event.lane_id for _, event in result.gained] == ["north"]


def test_two_of_a_kind_at_nearly_one_moment_are_two() -> None:
    records = shown(1.0, 100.0)
    del records[1]
    [(_, lost)] = against(records, 100.0).lost
    assert lost.t_s == pytest.approx(6.6)


def test_a_camera_that_records_nothing_has_lost_everything() -> None:
    assert sum(against([], 100.0).due.values()) == len(against([], 100.0).lost) == 8


@pytest.mark.parametrize("begins_s", [1.0, 20.0, 41.9])
def test_where_the_rounds_begin_is_told_by_most_records(begins_s: float) -> None:
    records = [*shown(begins_s, 200.0), Event("speeding", "south", begins_s + 30.0)]
    assert phase_s(records, A_ROUND, PERIOD_S) == pytest.approx(begins_s)
