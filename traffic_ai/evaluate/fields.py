"""Takes typed values out of plain JSON data; what is wrong is said with its place."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from traffic_ai.core.errors import UsageError
from traffic_ai.core.geometry import Array


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a document. `at`: where it stands, for messages."""

    values: Mapping[str, object]
    at: str

    @classmethod
    def of(cls, value: object, at: str) -> "Fields":
        """The object; raises UsageError if it is none."""
        if not isinstance(value, dict):
            raise UsageError(f"{at} is {_shown(value)}; it must be an object")
        return cls(value, at)

    def has(self, key: str) -> bool:
        """Whether there is a value, null apart."""
        return self.values.get(key) is not None

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Refuse keys that nobody reads, which are most likely misspelt."""
        unknown = sorted(set(self.values) - known)
        if unknown:
            raise UsageError(
                f"{self.at} has the key {unknown[0]!r}, which is not known; "
                f"known are {', '.join(sorted(known))}"
            )

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self.optional(key)
        if value is None:
            raise self._wrong(key, None, "a number")
        return value

    def optional(self, key: str) -> float | None:
        """A finite number, None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not abs(value) <= sys.float_info.max
        ):
            raise self._wrong(key, value, "a number")
        return float(value)

    def whole(self, key: str) -> int:
        """A whole number of at least 0."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(key, value, "a whole number from 0 on")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def items(self, key: str) -> list[object]:
        """A list, empty where there is none."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return value

    def rows(self, key: str, width: int) -> Array:
        """Finite numbers (N, width); a row of null is NaN. With width 0, numbers (N,)."""
        given = self.items(key)
        empty = [math.nan] * width if width else math.nan
        try:
            rows = np.array([empty if row is None else row for row in given], np.float64)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(key, "unequal rows", f"rows of {width or 1} numbers") from None
        wanted = (len(given), width) if width else (len(given),)
        if not given:
            return np.zeros(wanted)
        if rows.shape != wanted:
            raise self._wrong(key, f"an array of shape {rows.shape}", f"shape {wanted}")
        known = np.isfinite(rows).reshape(len(given), -1).all(axis=1)
        for index in np.flatnonzero(~known):
            if given[index] is not None:
                raise self._wrong(key, given[index], "null or finite numbers in each row")
        return rows

    def _wrong(self, key: str, value: object, wanted: str) -> UsageError:
        given = "missing" if value is None else _shown(value)
        return UsageError(f"{key} of {self.at} is {given}; it must be {wanted}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
