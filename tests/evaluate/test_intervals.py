"""Intervals that hold, whatever the counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from traffic_ai.evaluate.intervals import Rate, Share, Spread

counts = st.integers(0, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(counts)
def test_a_share_lies_in_its_interval_and_the_interval_in_0_to_1(count_of):
    share = Share.counted(*count_of)
    assert 0.0 <= share.low <= share.high <= 1.0
    if share.value is not None:
        assert share.low <= share.value <= share.high


@given(counts)
def test_found_and_missed_mirror_each_other(count_of):
    count, of = count_of
    share, rest = Share.counted(count, of), Share.counted(of - count, of)
    assert share.low == pytest.approx(1.0 - rest.high)
    assert share.high == pytest.approx(1.0 - rest.low)


def test_none_of_300_shows_about_one_percent_as_the_rule_of_three_says():
    # Two-sided, so 3.7 in place of 3.
    assert Share.counted(300, 300).low == pytest.approx(1.0 - 3.69 / 300, abs=2e-4)


@pytest.mark.parametrize(("of", "share"), [(10, 0.9), (50, 0.99), (300, 0.5)])
def test_the_interval_covers_the_true_share_at_least_95_times_in_100(of, share):
    chance = stats.binom.pmf(np.arange(of + 1), of, share)
    held = [s.low <= share <= s.high for s in (Share.counted(k, of) for k in range(of + 1))]
    assert chance[np.array(held)].sum() >= 0.95


@given(st.integers(0, 500), st.floats(1e-3, 1e4))
def test_a_rate_lies_in_its_interval(count, hours):
    rate = Rate.counted(count, hours)
    assert 0.0 <= rate.low <= rate.per_hour <= rate.high
    assert Rate.counted(count, 2.0 * hours).high == pytest.approx(rate.high / 2.0)


def test_the_rate_covers_the_true_one_at_least_95_times_in_100():
    true = 7.3
    chance = stats.poisson.pmf(np.arange(60), true)
    held = [r.low <= true <= r.high for r in (Rate.counted(k, 1.0) for k in range(60))]
    assert chance[np.array(held)].sum() >= 0.95


def test_no_time_gives_no_rate_and_nonsense_is_refused():
    assert Rate.counted(3, 0.0).per_hour is None
    for make in (lambda: Share.counted(3, 2), lambda: Share.counted(-1, 2),
                 lambda: Rate.counted(1, -1.0)):  # fmt: skip
        with pytest.raises(ValueError, match="is no"):
            make()


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=50))
def test_a_spread_is_ordered(errors):
    spread = Spread.of(errors)
    assert abs(spread.mean) <= spread.largest + 1e-9
    assert spread.p95 <= spread.p99 + 1e-9 <= spread.largest + 2e-9
    assert Spread.of([]) is None


@pytest.mark.parametrize(
    ("count", "share", "told"),
    [(5, 0.5, False), (6, 0.5, True), (71, 0.95, False), (72, 0.95, True), (367, 0.99, False),
     (368, 0.99, True), (41, 0.5, True), (1000, 0.95, True)],
)  # fmt: skip
def test_the_interval_of_a_quantile_holds_it_at_least_95_times_in_100(count, share, told):
    spread = Spread.of([float(i) for i in range(count)])  # each error is its place in the order
    intervals = {0.5: spread.median_interval, 0.95: spread.p95_interval, 0.99: spread.p99_interval}
    assert (intervals[share] is not None) == told
    if told:
        low, high = map(int, intervals[share])
        below = stats.binom.pmf(np.arange(count + 1), count, share)
        assert 0.95 <= below[low + 1 : high + 1].sum() < 0.99


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution_where_errors_are_many():
    errors = np.random.default_rng(3).normal(0.4, 2.0, 3000)
    low, high = Spread.of(errors.tolist()).mean_interval
    half = 1.96 * errors.std() / np.sqrt(len(errors))
    assert (low, high) == pytest.approx(
        (errors.mean() - half, errors.mean() + half), abs=0.1 * half
    )


def test_the_interval_of_a_mean_holds_it_though_errors_are_lopsided():
    draws = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        low, high = Spread.of(draws.exponential(1.0, 60).tolist()).mean_interval
        held += low <= 1.0 <= high
    assert held >= 0.9 * 200


def test_intervals_are_the_same_for_the_same_errors_in_any_order():
    errors = np.random.default_rng(7).normal(0.0, 1.0, 400).tolist()
    assert Spread.of(errors) == Spread.of(errors[::-1])


def test_few_errors_show_no_interval_of_their_mean():
    assert Spread.of([0.1] * 19).mean_interval is None
    assert Spread.of([0.1] * 20).mean_interval == pytest.approx((0.1, 0.1))
