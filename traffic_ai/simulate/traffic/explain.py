"""What is wrong with a scenario, in words that name the value and the fix."""

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from traffic_ai.config.problems import KeyPath, path_text, show, suggest

# A file with more mistakes is no scenario; to look for what was meant by each would take minutes.
_MOST_TOLD = 1000


def mistakes(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[KeyPath, str]]:
    """Every mistake with its path; of very many, the first."""
    for detail in error.errors(include_url=False)[:_MOST_TOLD]:
        path = tuple(key for key in detail["loc"] if key != "[key]")
        yield path, f"{path_text(path)}: {_words(detail, path, model)}"


def _words(detail: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key ({suggest(str(path[-1]), _fields(model, path[:-1]))})"
        case "missing":
            return f"the key {str(path[-1])!r} is missing"
        case "literal_error" | "enum":
            return f"{show(value)} is not one of {context['expected']}"
        case "greater_than_equal" | "less_than_equal":
            bound = "at least" if "ge" in context else "at most"
            limit = context.get("ge", context.get("le"))
            return f"{show(value)} is out of range: it must be {bound} {limit:g}"
        case "multiple_of":
            step = context["multiple_of"]
            return f"{show(value)} must be a multiple of {step:g}, such as {value - value % step:g}"
        case "value_error":
            return str(context["error"])
        case "float_type" | "int_type" | "string_type" | "bool_type" | "dict_type" | "tuple_type":
            kinds = {
                "float": "a number",
                "int": "a whole number",
                "string": "text",
                "bool": "true or false",
                "dict": "keys with values",
                "tuple": "a list",
            }
            return f"expected {kinds[detail['type'].removesuffix('_type')]}, got {show(value)}"
        case _:
            return f"{detail['msg']} (got {show(value)})" if context else detail["msg"]


def _fields(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys that may stand at a path."""
    found: object = model
    for key in path:
        if isinstance(key, int):
            continue
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return ()
        field = found.model_fields.get(key)
        found = _inner_model(field.annotation) if field is not None else None
    if isinstance(found, type) and issubclass(found, BaseModel):
        return found.model_fields
    return ()


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model within a type such as `tuple[Part, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, UnionType):
        for inner in get_args(annotation):
            model = _inner_model(inner)
            if model is not None:
                return model
    return None


def merged(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Changes laid over a base: keys within keys are merged, everything else is replaced."""
    found = dict(base)
    for key, value in changes.items():
        under = found.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping) and key not in _REPLACED:
            value = merged(under, value)
        found[key] = value
    return found


# Shares belong together.
_REPLACED = frozenset({"mix"})
