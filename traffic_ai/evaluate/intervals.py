"""Shares and rates with their 95 % confidence intervals, and how errors spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


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
        tail = (1.0 - CONFIDENCE) / 2.0
        low = float(stats.beta.ppf(tail, count, of - count + 1)) if count else 0.0
        high = float(stats.beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
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
        tail = (1.0 - CONFIDENCE) / 2.0
        low = float(stats.chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
        high = float(stats.chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0
        return cls(count, hours, count / hours, low / hours, high / hours)


@dataclass(frozen=True, slots=True)
class Spread:
    """How errors lie: mean and median with their sign, the rest of their size."""

    count: int
    mean: float
    median: float
    p95: float
    p99: float
    largest: float

    @classmethod
    def of(cls, errors: Sequence[float]) -> "Spread | None":
        """The spread of signed errors, None of none."""
        if not errors:
            return None
        values = np.asarray(errors, float)
        p95, p99 = np.quantile(np.abs(values), [0.95, 0.99])
        return cls(
            len(values),
            float(values.mean()),
            float(np.median(values)),
            float(p95),
            float(p99),
            float(np.abs(values).max()),
        )
