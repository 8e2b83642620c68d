"""Shares, rates and errors with their 95 % confidence intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from traffic_ai.core.geometry import Array

CONFIDENCE = 0.95
_TAIL = (1.0 - CONFIDENCE) / 2.0
# Of fewer errors the interval of a mean would come out too narrow.
LEAST_RESAMPLED = 20
_RESAMPLES, _DRAWN_AT_ONCE, _SEED = 1000, 1_000_000, 1

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and the interval its true share lies in; None where `of` is 0.

    The interval is exact (Clopper and Pearson, 1934): it holds for few trials and for none that
    failed, where the rule of three follows from it.
    """

    count: int
    of: int
    value: float | None
    low: float
    high: float

    @classmethod
    def counted(cls, count: int, of: int) -> "Share":
        """The share of a count."""
        if not 0 <= count <= of:
            raise ValueError(f"{count} of {of} is no share")
        if of == 0:
            return cls(0, 0, None, 0.0, 1.0)
        low = float(stats.beta.ppf(_TAIL, count, of - count + 1)) if count else 0.0
        high = float(stats.beta.ppf(1.0 - _TAIL, count + 1, of - count)) if count < of else 1.0
        return cls(count, of, count / of, low, high)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` events in `hours`, and the interval the true rate an hour lies in (Garwood, 1936).

    None where no time has passed.
    """

    count: int
    hours: float
    per_hour: float | None
    low: float
    high: float | None

    @classmethod
    def counted(cls, count: int, hours: float) -> "Rate":
        """The rate of a count."""
        if count < 0 or hours < 0.0:
            raise ValueError(f"{count} in {hours} hours is no rate")
        if hours == 0.0:
            return cls(count, 0.0, None, 0.0, None)
        low = float(stats.chi2.ppf(_TAIL, 2 * count)) / 2.0 if count else 0.0
        high = float(stats.chi2.ppf(1.0 - _TAIL, 2 * count + 2)) / 2.0
        return cls(count, hours, count / hours, low / hours, high / hours)


@dataclass(frozen=True, slots=True)
class Spread:
    """How errors lie: mean and median with their sign, the rest of their size.

    The intervals hold the true figure in 95 % of the cases if the errors have nothing in common;
    None where there are too few of them to say. That of the mean is a percentile bootstrap (Efron,
    1979) with a fixed seed. Those of the quantiles are exact whatever the distribution: two of the
    errors in their order, between which the quantile lies (Thompson, 1936).
    """

    count: int
    mean: float
    median: float
    p95: float
    p99: float
    largest: float
    mean_interval: Interval | None
    median_interval: Interval | None
    p95_interval: Interval | None
    p99_interval: Interval | None

    @classmethod
    def of(cls, errors: Sequence[float]) -> "Spread | None":
        """The spread of signed errors, None of none."""
        if not errors:
            return None
        values = np.sort(np.asarray(errors, float))
        sizes = np.sort(np.abs(values))
        p95, p99 = np.quantile(sizes, [0.95, 0.99])
        return cls(
            len(values),
            float(values.mean()),
            float(np.median(values)),
            float(p95),
            float(p99),
            float(sizes[-1]),
            _mean_interval(values),
            _quantile_interval(values, 0.5),
            _quantile_interval(sizes, 0.95),
            _quantile_interval(sizes, 0.99),
        )


def _mean_interval(values: Array) -> Interval | None:
    """A bootstrap interval of a mean, drawn in pieces that fit into the memory."""
    n = len(values)
    if n < LEAST_RESAMPLED:
        return None
    draws = np.random.default_rng(_SEED)
    rows = max(1, _DRAWN_AT_ONCE // n)
    means = [
        values[draws.integers(0, n, (min(rows, _RESAMPLES - done), n))].mean(axis=1)
        for done in range(0, _RESAMPLES, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [_TAIL, 1.0 - _TAIL])
    return float(low), float(high)


def _quantile_interval(ordered: Array, share: float) -> Interval | None:
    """The two of the values (N,), in their order, between which their quantile lies."""
    n = len(ordered)
    # How many values lie below the quantile is binomial.
    low = int(stats.binom.ppf(_TAIL, n, share))
    high = int(stats.binom.ppf(1.0 - _TAIL, n, share))
    if low < 1 or high >= n:
        return None
    return float(ordered[low - 1]), float(ordered[high])
