"""JSON schemas that are ``strict`` in OpenAI's sense: an object has the properties that are listed, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
_OPEN = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "$ref"})
"""Keywords of an object that says itself which further properties it takes, or has more of them elsewhere."""


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with ``additionalProperties: false`` in each object that does not say otherwise."""
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _BY_NAME and isinstance(value, dict):
            result[key] = {name: _closed(part) for name, part in value.items()}
        elif key in _LISTS and isinstance(value, list):
            result[key] = [_closed(part) for part in value]
        elif key == "items":
            result[key] = _closed(value)
        else:
            result[key] = value
    kinds = schema.get("type")
    is_object = "properties" in schema or kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
    if is_object and not _OPEN & schema.keys():
        result["additionalProperties"] = False
    return result


def _closed(part: Any) -> Any:
    return closed(part) if isinstance(part, dict) else part
