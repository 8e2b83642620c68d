"""The kinds of value a site file is made of: numbers, points, boxes, ids, moments.

Each is checked as it is read, with a message for the person who wrote it, and carries the JSON
Schema an editor needs.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from traffic_ai.config.problems import show
from traffic_ai.core.given import A_YEAR, is_in_calendar
from traffic_ai.evidence.encryption import checked_recipient

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Point = tuple[float, float]
Line = tuple[Point, ...]
Box = tuple[float, float, float, float]

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Id = Annotated[str, Field(pattern=ID_PATTERN)]

# Text of one line, without control characters.
PlainText = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]

RoadUserLabel = Literal["person", "bicycle", "car", "motorcycle", "bus", "truck"]

PictureSize = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=16, le=32768)], ...],
    Field(min_length=2, max_length=2),
]


def _reader_key(value: object) -> str:
    try:
        return checked_recipient(value if isinstance(value, str) else show(value))
    except ValueError as error:
        raise PydanticCustomError("reader_key", "{why}", {"why": str(error)}) from None


ReaderKey = Annotated[
    str,
    BeforeValidator(_reader_key),
    WithJsonSchema({"type": "string", "pattern": "^age1[0-9a-z]{58}$"}),
]

SpeedLimit = Annotated[float, Field(strict=True, ge=1, le=300)]


def _numbers(value: object, count: int, kind: str, form: str) -> tuple[float, ...]:
    usable = isinstance(value, list | tuple) and len(value) == count
    if not usable or not all(_is_number(item) for item in value):  # type: ignore[attr-defined]
        raise PydanticCustomError(
            "numbers",
            "expected {kind} {form}, got {got}",
            {"kind": kind, "form": form, "got": show(value)},
        )
    return tuple(float(item) for item in value)  # type: ignore[attr-defined]


def _is_number(value: object) -> bool:
    """Finite, and of a size that no picture or place exceeds (so it also fits a float)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _point(value: object) -> tuple[float, ...]:
    return _numbers(value, 2, "a point", "[x, y]")


def _ground(value: object) -> tuple[float, ...]:
    return _numbers(value, 2, "a place in metres", "[x, y]")


def _lon_lat(value: object) -> tuple[float, ...]:
    return _numbers(value, 2, "degrees", "[longitude, latitude]")


def _box(value: object) -> tuple[float, ...]:
    return _numbers(value, 4, "a box", "[left, top, right, bottom]")


def _moment(value: object) -> datetime:
    form = 'expected a date and time with offset such as "2026-03-02T08:00:00+01:00", got {got}'
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None or not is_in_calendar(moment, A_YEAR):
        raise PydanticCustomError("moment", form, {"got": show(value)})
    return moment


def _array(count: int, description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "number"},
        "minItems": count,
        "maxItems": count,
        "description": description,
    }


ImagePoint = Annotated[
    Point, BeforeValidator(_point), WithJsonSchema(_array(2, "[x, y] in the picture, y downwards"))
]
GroundPoint = Annotated[
    Point, BeforeValidator(_ground), WithJsonSchema(_array(2, "[x, y] on the road, metres"))
]
LonLat = Annotated[
    Point, BeforeValidator(_lon_lat), WithJsonSchema(_array(2, "[longitude, latitude], degrees"))
]
ImageBox = Annotated[
    Box,
    BeforeValidator(_box),
    WithJsonSchema(_array(4, "[left, top, right, bottom] in the picture")),
]
Segment = Annotated[tuple[ImagePoint, ...], Field(min_length=2, max_length=2)]
Polyline = Annotated[tuple[ImagePoint, ...], Field(min_length=2)]
Polygon = Annotated[tuple[ImagePoint, ...], Field(min_length=3)]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(datetime.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
