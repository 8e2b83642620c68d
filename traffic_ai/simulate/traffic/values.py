"""The kinds of value a scenario is made of: numbers, ranges drawn from the seed, shares."""

from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from traffic_ai.config.problems import show

Range: TypeAlias = tuple[float, float]


def _range(value: object) -> tuple[float, float]:
    """One number, or [lowest, highest]."""
    ends = value if isinstance(value, list | tuple) else [value, value]
    numbers = [v for v in ends if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 2 or len(ends) != 2 or not all(np.isfinite(numbers)):
        raise PydanticCustomError(
            "range", "expected a number or [lowest, highest], got {got}", {"got": show(value)}
        )
    if numbers[0] > numbers[1]:
        raise PydanticCustomError(
            "range", "the lowest of {got} is above the highest: swap them", {"got": show(value)}
        )
    return float(numbers[0]), float(numbers[1])


def _within(low: float, high: float, unit: str) -> BeforeValidator:
    def check(value: object) -> tuple[float, float]:
        ends = _range(value)
        if ends[0] < low or ends[1] > high:
            raise PydanticCustomError(
                "range_limits",
                "{got} is not between {low} and {high} {unit}",
                {"got": show(value), "low": f"{low:g}", "high": f"{high:g}", "unit": unit},
            )
        return ends

    return BeforeValidator(check)


SpeedRange = Annotated[Range, _within(1.0, 250.0, "km/h")]
SecondsRange = Annotated[Range, _within(0.0, 60.0, "s")]
MetresRange = Annotated[Range, _within(-20.0, 60.0, "m")]
Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
Flow = Annotated[float, Field(strict=True, ge=0.0, le=2400.0)]
Count = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Lanes = Annotated[int, Field(strict=True, ge=1, le=5)]
Place = tuple[float, float]


def drawn(chance: np.random.Generator, ends: Range) -> float:
    """A number of a range, all alike likely."""
    return float(chance.uniform(*ends)) if ends[1] > ends[0] else ends[0]
