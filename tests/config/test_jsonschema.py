"""The schema that editors use is current and says of every key what it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traffic_ai.config.jsonschema import json_schema, json_schema_text

FILE = Path(__file__).parents[2] / "docs" / "site.schema.json"


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for owner, part in [("site", schema), *schema["$defs"].items()]:
        for key, value in part.get("properties", {}).items():
            yield f"{owner}.{key}", value


def test_file_in_docs_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == json_schema_text(), (
        "write it again: python -m traffic_ai.config.jsonschema > docs/site.schema.json"
    )


def test_every_key_has_a_description() -> None:
    lacking = [name for name, value in properties(json_schema()) if not value.get("description")]
    assert lacking == []


def test_unknown_keys_are_marked_by_the_editor_everywhere_but_under_rules() -> None:
    schema = json_schema()
    parts = {"site": schema, **schema["$defs"]}
    closed = {name: part["additionalProperties"] for name, part in parts.items()}
    assert [name for name, value in closed.items() if value is not False] == ["RulesModel"]


def test_only_a_rule_may_be_left_empty() -> None:
    empty = [name for name, value in properties(json_schema()) if "'null'" in str(value)]
    assert empty
    assert all(name.startswith("RulesModel.") for name in empty)


def test_no_key_stands_beside_a_reference_where_draft_7_ignores_it() -> None:
    def references(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = list(references(json_schema()))
    assert found
    assert all(set(reference) == {"$ref"} for reference in found)
