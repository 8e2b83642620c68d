"""Findings from their stored JSON documents: the way back of `core.violation.document`."""

import dataclasses
import json
import math
import types
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from traffic_ai.core.errors import StoreError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.core.violation import NearMiss, Violation

T = TypeVar("T", Violation, NearMiss)


def finding_of(text: str, kind: type[T]) -> T:
    """The violation or near miss of a document. Raises StoreError where it is none.

    Keys that this version does not know are left out; a number that was not finite is NaN again.
    """
    try:
        made = _made(kind, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(f"a stored {kind.__name__} cannot be read: {error!r}") from error
    if not isinstance(made, kind):
        raise StoreError(f"a stored {kind.__name__} is empty")
    return made


def _made(wanted: Any, value: Any) -> Any:
    """A value of the type `wanted` from JSON data."""
    if get_origin(wanted) in (Union, types.UnionType):
        return _one_of(get_args(wanted), value)
    if get_origin(wanted) is tuple:
        return tuple(_items(get_args(wanted), value))
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted, value)
    if wanted is RoadUser:
        return RoadUser.from_label(value)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value)
    if wanted is datetime:
        return datetime.fromisoformat(value)
    if wanted is float:
        return math.nan if value is None else float(value)
    if not isinstance(value, wanted):
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    return value


def _dataclass(wanted: type, value: Any) -> Any:
    hints = get_type_hints(wanted)
    fields = [field for field in dataclasses.fields(wanted) if field.name in value]
    return wanted(**{field.name: _made(hints[field.name], value[field.name]) for field in fields})


def _names(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _items(kinds: Sequence[Any], value: Any) -> list[Any]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return [_made(kinds[0], item) for item in value]
    return [_made(kind, item) for kind, item in zip(kinds, value, strict=True)]


def _one_of(kinds: Sequence[Any], value: Any) -> Any:
    """The kind that fits: null, the dataclass with most of these fields, a plain value."""
    if value is None and type(None) in kinds:
        return None
    if isinstance(value, dict):
        classes = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
        return _made(max(classes, key=lambda kind: len(_names(kind) & set(value))), value)
    for kind in kinds:
        if kind is not type(None) and not dataclasses.is_dataclass(kind):
            try:
                return _made(kind, value)
            except (TypeError, ValueError):
                continue
    raise TypeError(f"{value!r} is none of {kinds}")
