"""Timelines are fed schedules sampled at any rate, and any sequence of readings at all."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traffic_ai.core.signal import Aspect, SignalHistory, SignalState
from traffic_ai.signals.reading import Reading
from traffic_ai.signals.timeline import CONFIRM_S, LOST_S, STATE_LIMIT, Timeline

R, RY, Y, G = Aspect.RED, Aspect.RED_YELLOW, Aspect.YELLOW, Aspect.GREEN
D, U = Aspect.DARK, Aspect.UNKNOWN
RATES = [5, 6, 10, 25, 29.97, 60]
Schedule = Sequence[tuple[Aspect, float]]  # aspect, duration in seconds
CYCLE: Schedule = [(G, 8), (Y, 3), (D, 0.12), (R, 7), (RY, 1.5), (G, 5)]


def at(schedule: Schedule, t_s: float) -> Aspect:
    for aspect, duration in schedule:
        if t_s < duration:
            return aspect
        t_s -= duration
    return schedule[-1][0]


def sample(schedule: Schedule, rate: float, phase: float = 0.3) -> list[tuple[float, Aspect]]:
    end = sum(duration for _, duration in schedule)
    times = [(i + phase) / rate for i in range(int(end * rate))]
    return [(t, at(schedule, t)) for t in times]


def flash(
    aspect: Aspect, hertz: float, periods: int, lit: float = 0.5
) -> list[tuple[Aspect, float]]:
    return [(aspect, lit / hertz), (D, (1 - lit) / hertz)] * periods


def feed(readings: Sequence[tuple[float, Aspect]]) -> SignalHistory:
    timeline = Timeline("g")
    for t_s, aspect in readings:
        timeline.update(t_s, Reading(aspect, 0.9))
    return timeline.history


def aspects(history: SignalHistory) -> list[Aspect]:
    return [state.aspect for state in history.states]


def onset(history: SignalHistory, aspect: Aspect) -> SignalState:
    return next(state for state in history.states if state.aspect is aspect)


@pytest.mark.parametrize("rate", RATES)
def test_a_cycle_gives_the_same_states_at_any_rate_within_one_period(rate: float) -> None:
    history = feed(sample(CYCLE, rate))
    assert aspects(history) == [G, Y, R, RY, G]
    for state, true_s in zip(history.states[1:], [8, 11.12, 18.12, 19.62], strict=True):
        assert true_s <= state.since_s <= true_s + 1 / rate + 1e-9
        assert state.since_s - state.since_bound_s <= true_s
        gap = 0.12 if state.aspect is R else 0.0
        assert state.since_bound_s <= gap + 2 / rate + 1e-9
    assert history.settled_until_s == pytest.approx(24.62, abs=2 / rate)


def test_the_first_state_has_an_unknown_onset() -> None:
    history = feed(sample([(R, 3)], 25))
    assert aspects(history) == [R]
    assert history.states[0].since_bound_s == math.inf


@pytest.mark.parametrize("tells", [True, False], ids=["damaged", "missing"])
def test_a_stray_red_before_pictures_are_lost_does_not_begin_the_red_after_them(
    tells: bool,
) -> None:
    timeline = Timeline("g")
    for i in range(251):
        timeline.update(i / 25, Reading(R if i == 250 else Y, 0.9))
    for i in range(251, 280) if tells else ():
        timeline.skip(i / 25)
    for i in range(280, 320):
        timeline.update(i / 25, Reading(R, 0.9))
    red = onset(timeline.history, R)
    assert red.since_s == pytest.approx(11.2)
    assert red.since_s - red.since_bound_s <= 249 / 25


def test_a_dark_gap_before_red_widens_the_bound_of_the_onset() -> None:
    history = feed(sample([(Y, 3), (D, 0.6), (R, 4)], 25, 0.0))
    red = onset(history, R)
    assert aspects(history) == [Y, R]
    assert red.since_s == pytest.approx(3.6, abs=0.041)
    assert red.since_s - red.since_bound_s == pytest.approx(2.96, abs=0.001)


def test_so_does_an_unreadable_gap() -> None:
    red = onset(feed(sample([(Y, 3), (U, 2.0), (R, 4)], 25, 0.0)), R)
    assert red.since_bound_s == pytest.approx(2.04, abs=0.041)


@pytest.mark.parametrize("rate", RATES)
def test_long_darkness_is_a_state(rate: float) -> None:
    history = feed(sample([(R, 4), (D, 5), (R, 4)], rate))
    assert aspects(history) == [R, D, R]
    assert onset(history, D).since_s == pytest.approx(4.0, abs=1 / rate)


@pytest.mark.parametrize("rate", RATES)
@given(stray=st.sampled_from([R, RY, Y, G, D, U]), where=st.floats(1.0, 5.8))
@settings(max_examples=40, deadline=None)
def test_a_single_stray_reading_never_makes_a_change(
    rate: float, stray: Aspect, where: float
) -> None:
    readings = sample([(Y, 3), (R, 3)], rate)
    index = min(range(len(readings)), key=lambda i: abs(readings[i][0] - where))
    clean = aspects(feed(readings))
    readings[index] = (readings[index][0], stray)
    history = feed(readings)
    assert aspects(history) == clean == [Y, R]
    red = onset(history, R)
    # A stray yellow or red next to the change cannot be told from the truth: one period.
    assert red.since_s - red.since_bound_s <= 3.0 + 1 / rate
    # Any other in the run that is to confirm red makes it start anew.
    assert 3.0 - 1 / rate <= red.since_s <= 3.0 + CONFIRM_S + 3 / rate


def test_a_hint_just_before_the_onset_stays_within_its_bound() -> None:
    readings = [(i / 10, a) for i, a in enumerate([Y] * 20 + [R, Y] + [R] * 20)]
    red = onset(feed(readings), R)
    assert red.since_s == pytest.approx(2.2)
    assert red.since_s - red.since_bound_s == pytest.approx(1.9)


@pytest.mark.parametrize(("rate", "nth"), [(5, 4), (10, 3), (25, 2), (25, 3), (25, 5), (60, 2)])
def test_pulsed_lamps_that_are_dark_in_every_nth_picture_are_steady(rate: int, nth: int) -> None:
    seen = sample([(G, 4), (Y, 3), (R, 8)], rate)
    pulsed = [(t, D if i % nth == 0 else aspect) for i, (t, aspect) in enumerate(seen)]
    assert aspects(feed(pulsed)) in ([G, Y, R], [U, G, Y, R])


@pytest.mark.parametrize("rate", [10, 15, 25, 60])
@pytest.mark.parametrize("hertz", [0.5, 0.8, 1.0, 1.5, 2.0])
@pytest.mark.parametrize(
    ("lamp", "flashing"), [(R, Aspect.FLASHING_RED), (Y, Aspect.FLASHING_YELLOW)]
)
def test_flashing_is_recognised_from_its_beginning(
    rate: float, hertz: float, lamp: Aspect, flashing: Aspect
) -> None:
    history = feed(sample([(G, 4), *flash(lamp, hertz, 8)], rate))
    assert aspects(history) == [G, flashing]
    assert onset(history, flashing).since_s == pytest.approx(4.0, abs=1 / rate)


def test_steady_red_that_begins_to_flash_and_stops_again() -> None:
    history = feed(sample([(R, 5), (D, 0.5), *flash(R, 1.0, 6), (R, 6)], 25))
    assert aspects(history) == [R, Aspect.FLASHING_RED, R]
    assert history.states[1].since_s == pytest.approx(5.0, abs=0.05)
    assert history.states[2].since_s == pytest.approx(11.5, abs=0.05)


def test_red_that_may_still_prove_flashing_is_not_settled() -> None:
    seen = sample([(Y, 3), (R, 0.5), (D, 0.5), (R, 0.5)], 25)
    history = feed(seen)
    assert history.settled_until_s < onset(history, R).since_s
    assert feed([*seen, *((4.5 + i / 25, R) for i in range(60))]).settled_until_s > 6.0


@pytest.mark.parametrize("gap", ["unreadable pictures", "no pictures"])
def test_a_long_gap_is_unknown_from_the_last_good_picture_on(gap: str) -> None:
    seen = sample([(R, 5), (U, 6), (R, 5)], 10, 0.0)
    history = feed([s for s in seen if s[1] is not U] if gap == "no pictures" else seen)
    assert aspects(history) == [R, U, R]
    assert 4.9 < history.states[1].since_s < 4.9001
    assert history.states[2].since_s == pytest.approx(11.0)
    assert history.states[2].since_bound_s == math.inf  # it may have been red all the while


def test_a_gap_shorter_than_that_changes_nothing() -> None:
    assert aspects(feed(sample([(R, 5), (U, LOST_S - 0.5), (R, 5)], 10))) == [R]


def test_the_red_after_a_gap_may_have_begun_at_any_moment_since_the_yellow() -> None:
    history = feed(sample([(G, 4), (Y, 2), (U, 6), (R, 5)], 10, 0.0))
    red = onset(history, R)
    assert aspects(history) == [G, Y, U, R]
    assert red.since_s - red.since_bound_s == pytest.approx(5.9)


def test_contradictory_readings_end_in_unknown() -> None:
    quarrel = [(3 + i / 25, (R, Y)[i % 2]) for i in range(125)]
    assert aspects(feed([*sample([(Y, 3)], 25), *quarrel]))[-1] is U


def test_an_unusual_change_needs_longer_but_keeps_its_onset() -> None:
    short = sample([(G, 4), (R, 0.3), (G, 4)], 25)
    long = sample([(G, 4), (R, 3)], 25)
    assert aspects(feed(short)) == [G]
    assert onset(feed(long), R).since_s == pytest.approx(4.0, abs=0.04)


def test_at_most_a_fixed_number_of_states_is_kept() -> None:
    history = feed(sample([(R, 1), (G, 1)] * STATE_LIMIT, 10))
    assert len(history.states) == STATE_LIMIT


def test_variable_rates_and_dropped_pictures_keep_the_truth_within_the_bound() -> None:
    seen = sample(CYCLE, 25)
    thinned = [s for i, s in enumerate(seen) if i % 7 not in (1, 2) and i % 31 > 5]
    history = feed(thinned)
    assert aspects(history) == [G, Y, R, RY, G]
    for state, true_s in zip(history.states[1:], [8, 11.12, 18.12, 19.62], strict=True):
        assert state.since_s - state.since_bound_s <= true_s <= state.since_s


READINGS = st.lists(
    st.tuples(st.sampled_from([R, RY, Y, G, D, U]), st.integers(1, 60)), min_size=1, max_size=25
)


def spread(runs: list[tuple[Aspect, int]], rate: float) -> list[tuple[float, Aspect]]:
    flat = [aspect for aspect, count in runs for _ in range(count)]
    return [(i / rate, aspect) for i, aspect in enumerate(flat)]


def everywhere(check: Callable[[list[SignalHistory]], None]) -> Callable[..., None]:
    """Run a check on the history after every reading of any sequence of runs."""

    @given(runs=READINGS, rate=st.sampled_from([5.0, 12.0, 25.0, 60.0]))
    @settings(max_examples=150, deadline=None)
    def test(runs: list[tuple[Aspect, int]], rate: float) -> None:
        timeline = Timeline("g")
        check([timeline.update(t, Reading(a, 0.9)) for t, a in spread(runs, rate)])

    return test


def _well_formed(histories: list[SignalHistory]) -> None:
    for history in histories:
        since = [state.since_s for state in history.states]
        assert since == sorted(set(since))
        assert all(state.since_bound_s >= 0.0 for state in history.states)
        assert all(a.aspect is not b.aspect for a, b in pairwise(history.states))


def _settled_stays(histories: list[SignalHistory]) -> None:
    final = histories[-1]
    settled = -math.inf
    for history in histories:
        assert history.settled_until_s >= settled
        settled = history.settled_until_s
        then = [s for s in history.states if s.since_s <= settled]
        assert then == [s for s in final.states if s.since_s <= settled]


test_histories_are_well_formed = everywhere(_well_formed)
test_what_is_settled_never_changes = everywhere(_settled_stays)
