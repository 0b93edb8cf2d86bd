"""JSON schemas as programs write them, made ones that llguidance can keep to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llguidance import LLMatcher

_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "unknown"}
"""Those that llguidance keeps to. JSON Schema has formats as annotations: one that nobody knows asserts nothing."""
BY_NAME = {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
SCHEMAS = {"items", "additionalProperties", "additionalItems", "contains", "not", "if", "then", "else"}
"""Keywords whose values are schemas: by name, in a list, and one each."""
_COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
_APPLIED = {"allOf", "anyOf", "oneOf", "$ref", "if", "dependentSchemas"}
"""Keywords whose schemas evaluate properties as well."""
_NAMED = {"properties", "patternProperties"}
_ANY_NAME: tuple[Any, ...] = (True, {}, {"type": "string"})


def without_annotations(schema: Any) -> Any:
    """Return the same schema without keywords that llguidance refuses though they assert nothing, or in other words."""
    if not isinstance(schema, dict):
        return schema
    schema = _reworded(schema)
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in BY_NAME and isinstance(value, dict):
            kept[key] = {name: without_annotations(part) for name, part in value.items()}
        elif key in LISTS and isinstance(value, list):
            kept[key] = [without_annotations(part) for part in value]
        elif key in SCHEMAS:
            kept[key] = without_annotations(value)
        elif not _asserts_nothing(key, value):
            kept[key] = value
    return kept


def _reworded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the same schema with whole numbers as integers and, where that says the same, other keywords."""
    schema = {
        key: int(value) if key in _COUNTS and isinstance(value, float) and value.is_integer() else value
        for key, value in schema.items()
    }
    if schema.get("unevaluatedProperties") is False and not _APPLIED.intersection(schema):
        del schema["unevaluatedProperties"]
        schema.setdefault("additionalProperties", False)
    names = schema.get("propertyNames")
    if (
        isinstance(names, dict)
        and names.keys() <= {"type", "pattern"}
        and "pattern" in names
        and not _NAMED & schema.keys()
    ):
        del schema["propertyNames"]
        schema["patternProperties"] = {names["pattern"]: schema.get("additionalProperties", True)}
        schema["additionalProperties"] = False
    return schema


def as_far_as_possible(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema for objects, what llguidance has no grammar for left out: keywords, or else all of it."""
    lenient = {**schema, "x-guidance": {"lenient": True}}
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(lenient))
    return lenient if not LLMatcher.validate_grammar(grammar) else {"type": "object", "x-guidance": {}}


def _asserts_nothing(key: str, value: Any) -> bool:
    return (
        (key == "format" and value not in _FORMATS)
        or (key == "propertyNames" and value in _ANY_NAME)
        or (key == "properties" and value is None)
    )
