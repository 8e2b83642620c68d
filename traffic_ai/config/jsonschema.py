"""The JSON Schema of site files, for editors: `python -m traffic_ai.config.jsonschema`.

Kept in `docs/site.schema.json`; a test fails when that file is not current.
"""

import json
import sys
from typing import Any

from traffic_ai.config.schema import SiteModel

_DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> dict[str, Any]:
    """The schema in draft 7, which every editor's YAML support understands."""
    schema = _adapted(SiteModel.model_json_schema(), in_rules=False)
    return {"$schema": _DRAFT, **schema, "title": "traffic-ai site file"}


def json_schema_text() -> str:
    """The schema as the file in `docs/` holds it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _adapted(value: Any, in_rules: bool) -> Any:
    """Draft 7 has no keys beside `$ref`; a key left empty is only offered for rules."""
    if isinstance(value, list):
        return [_adapted(item, in_rules) for item in value]
    if not isinstance(value, dict):
        return value
    adapted = {
        key: _adapted(item, in_rules or key == "RulesModel")
        for key, item in value.items()
        if key != "title" or isinstance(item, dict)
    }
    options = adapted.get("anyOf")
    if isinstance(options, list) and not in_rules:
        left = [option for option in options if option != {"type": "null"}]
        if len(left) < len(options):
            del adapted["anyOf"]
            adapted = {**left[0], **adapted} if len(left) == 1 else {**adapted, "anyOf": left}
    if adapted.get("default", 0) is None:
        del adapted["default"]
    if "$ref" in adapted and len(adapted) > 1:
        adapted = {"allOf": [{"$ref": adapted.pop("$ref")}], **adapted}
    return adapted


if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
