"""Reads plain data against the schema: pydantic's errors in the words of the site file.

Fourth step of reading a site file. What does not fit is taken out and the rest read again, so
that one run can also report what is wrong with the geometry of everything else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from traffic_ai.config.problems import KeyPath, Remark, looks_like_url, show, suggest
from traffic_ai.config.schema import SiteModel
from traffic_ai.config.schema_rules import RulesModel
from traffic_ai.config.values import ID_PATTERN

# A file with more mistakes is no site file; to look for what was meant by each would take minutes.
_MOST_TOLD = 1000
# Lists whose entries can be taken out one by one; anything else bad takes its owner with it.
_ENTITY_LISTS = ("cameras", "signal_groups", "lanes", "stop_lines", "speed_sections")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read, and remarks on what could not.

    `site` is None where nothing could. `survivors`: for a list that lost entries, the positions
    in the file of those that are left. `removed`: paths in the file that had to be taken out.
    """

    site: SiteModel | None
    remarks: tuple[Remark, ...]
    survivors: Mapping[KeyPath, tuple[int, ...]]
    removed: frozenset[KeyPath]

    def in_file(self, path: KeyPath) -> KeyPath:
        """The path in the file of a path in `site`."""
        return _in_file(path, self.survivors)

    def is_whole(self, path: KeyPath) -> bool:
        """True where nothing had to be taken out below this path in the file."""
        return not any(gone[: len(path)] == path for gone in self.removed)


def read_site(data: object) -> Reading:
    """Read what the schema accepts."""
    remarks: list[Remark] = []
    removed: frozenset[KeyPath] = frozenset()
    while () not in removed:
        survivors: dict[KeyPath, tuple[int, ...]] = {}
        kept = _without(data, (), removed, survivors)
        try:
            return Reading(SiteModel.model_validate(kept), tuple(remarks), survivors, removed)
        except ValidationError as error:
            details = error.errors(include_url=False)
        found = [(detail, _in_file(_keys(detail["loc"]), survivors)) for detail in details]
        # A list is also called too short when its entries are only wrong: what is deeper counts.
        around = {path[:length] for _, path in found for length in range(len(path))}
        found = [item for item in found if item[1] not in around]
        before = len(removed)
        faulty: set[KeyPath] = set()
        for detail, path in found:
            # Only the first round sees the whole file; later ones add what had to wait for it.
            told = before == 0 or detail["type"] == "value_error"
            if told and len(remarks) < _MOST_TOLD:
                remarks.append(_remark(detail, path))
            lacking = detail["type"] == "missing" and not _is_camera_id(path)
            faulty.add(_owner(path[:-1] if lacking else path))
        removed |= faulty
        if len(removed) == before:
            break
    return Reading(None, tuple(dict.fromkeys(remarks)), {}, removed)


def _keys(loc: tuple[int | str, ...]) -> KeyPath:
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _in_file(path: KeyPath, survivors: Mapping[KeyPath, tuple[int, ...]]) -> KeyPath:
    found: KeyPath = ()
    for key in path:
        if isinstance(key, int) and found in survivors:
            key = survivors[found][key]
        found += (key,)
    return found


def _is_camera_id(path: KeyPath) -> bool:
    return len(path) == 3 and path[0] == "cameras" and path[2] == "id"


def _without(
    data: object,
    path: KeyPath,
    removed: frozenset[KeyPath],
    survivors: dict[KeyPath, tuple[int, ...]],
) -> object:
    """A copy of the data less the removed paths; a camera's bad id is replaced."""
    if isinstance(data, dict):
        kept = {
            key: _without(value, (*path, key), removed, survivors)
            for key, value in data.items()
            if (*path, key) not in removed
        }
        if _is_camera_id((*path, "id")) and (*path, "id") in removed:
            kept["id"] = f"camera-{path[1]}"
        return kept
    if isinstance(data, list):
        positions = tuple(i for i in range(len(data)) if (*path, i) not in removed)
        if len(positions) < len(data):
            survivors[path] = positions
        return [_without(data[i], (*path, i), removed, survivors) for i in positions]
    return data


def _owner(path: KeyPath) -> KeyPath:
    """The nearest thing around a path that the rest of the file can do without."""
    while path and not _can_do_without(path):
        path = path[:-1]
    return path


def _can_do_without(path: KeyPath) -> bool:
    key = path[-1]
    if isinstance(key, int):
        return len(path) > 1 and path[-2] in _ENTITY_LISTS
    field = _field(path)
    return field is None or not field.is_required() or _is_camera_id(path)


def _model(path: KeyPath) -> type[BaseModel] | None:
    """The schema's model at a path, None where there is none."""
    model: type[BaseModel] | None = SiteModel
    for key in path:
        if isinstance(key, str):
            field = model.model_fields.get(key) if model is not None else None
            model = _model_in(field.annotation) if field is not None else None
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The one model that an annotation such as `tuple[Lane, ...] | None` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _field(path: KeyPath) -> FieldInfo | None:
    """The schema's field at or around a path that ends in a key or in list positions of it."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    model = _model(path[:-1]) if path else None
    return model.model_fields.get(str(path[-1])) if model is not None else None


def _remark(detail: ErrorDetails, path: KeyPath) -> Remark:
    """One pydantic error in plain words."""
    value, context = detail["input"], detail.get("ctx", {})
    field = _field(path)
    about = (field.description or "") if field is not None else ""
    if path in ((), ("version",)):
        about = "a site file starts with: version: 1"
    match detail["type"]:
        case "missing":
            return Remark(path, f"the key {str(path[-1])!r} is missing", about)
        case "extra_forbidden":
            model = _model(path[:-1])
            known = model.model_fields if model is not None else ()
            return Remark(path, f"unknown key {show(str(path[-1]))}", suggest(str(path[-1]), known))
        case "value_error":
            return _parameter_remark(str(context["error"]), path)
        case "too_short":
            least = int(context["min_length"])
            entries = "entry" if least == 1 else "entries"
            message = f"needs at least {least} {entries}, has {_length(value)}"
            return Remark(path, message, about)
        case "too_long":
            message = f"takes {context['max_length']} entries, has {_length(value)}"
            return Remark(path, message, about)
        case "string_pattern_mismatch":
            if context["pattern"] != ID_PATTERN:
                return Remark(path, "the text holds line breaks or control characters", about)
            hint = "use lower-case letters, digits, - and _"
            if not looks_like_url(str(value)):
                hint += f", such as {_slug(str(value))!r}"
            return Remark(path, f"{show(value)} is not a usable id", hint)
        case "literal_error":
            return _choice_remark(value, str(context["expected"]), path)
        case "greater_than" | "greater_than_equal" | "less_than_equal":
            words = {"gt": "more than", "ge": "at least", "le": "at most"}
            bound = next(f"{words[k]} {v:g}" for k, v in context.items() if k in words)
            return Remark(path, f"{show(value)} is out of range: it must be {bound}", about)
        case _:
            return _kind_remark(detail, path, about)


def _kind_remark(detail: ErrorDetails, path: KeyPath, about: str) -> Remark:
    """A value of the wrong kind."""
    kind, value = detail["type"], detail["input"]
    expected = {
        "string_type": "text",
        "float_type": "a number",
        "int_type": "a whole number",
        "finite_number": "a number",
        "bool_type": "true or false",
        "model_type": "keys with values",
        "dict_type": "keys with values",
        "tuple_type": "a list",
        "string_too_short": "some text",
    }.get(kind)
    if expected is None:
        return Remark(path, detail["msg"], about)
    hint = about
    if kind == "string_type" and isinstance(value, int | float):
        hint = f'put it in quotes: "{show(value)}"'
    if kind in ("float_type", "int_type") and isinstance(value, str):
        hint = "write the number alone, without quotes or unit"
    if kind == "model_type" and _model(path[:-1]) is RulesModel:
        hint = "write the rule's name alone or its parameters under it; remove it to switch it off"
    return Remark(path, f"expected {expected}, got {show(value)}", hint)


def _choice_remark(value: object, expected: str, path: KeyPath) -> Remark:
    if path == ("version",):
        return Remark(path, f"version {show(value)} is not known", "this program reads version: 1")
    options = re.findall(r"'([^']*)'", expected)
    hint = suggest(value, options) if isinstance(value, str) else "known: " + ", ".join(options)
    return Remark(path, f"{show(value)} is not known here", hint)


def _parameter_remark(text: str, path: KeyPath) -> Remark:
    """A refusal by the rule's own parameters: "name is value; what it must be"."""
    message, _, hint = text.partition("; ")
    name = message.split(" ", 1)[0]
    return Remark((*path, *name.split(".")), message, hint)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | dict | str) else 0


def _slug(text: str) -> str:
    """An id made of a text."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:63] or "camera-1"
