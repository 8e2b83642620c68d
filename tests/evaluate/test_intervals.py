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
