"""JSON schemas as programs write them, made ones that llguidance can keep to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llguidance import LLMatcher

from backends.schema_rewrites import reworded

_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "unknown"}
"""Those that llguidance keeps to. JSON Schema has formats as annotations: one that nobody knows asserts nothing."""
BY_NAME = {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
SCHEMAS = {"items", "additionalProperties", "additionalItems", "contains", "not", "if", "then", "else"}
"""Keywords whose values are schemas: by name, in a list, and one each."""
_MOST_PARTS = 20_000
"""Schemas in a schema whose keywords are put in other words; each may become several."""
_OVERLAPPING = "oneOf constraints are not supported"
"""The beginning of what llguidance says of parts of ``oneOf`` that may match the same value."""


def rewritten(schema: Any) -> Any:
    """Return the same schema in words that llguidance knows, without those that assert nothing.

    What cannot be said so stays, and llguidance refuses it.
    """
    if schema is True:
        return {}
    try:
        first = _Rewriting(schema, splits_one_of=False).result
        if "oneOf" not in json.dumps(schema) or not (fault(first) or "").startswith(_OVERLAPPING):
            return first
        return _Rewriting(schema, splits_one_of=True).result
    except _TooLargeError:
        return schema


def fault(schema: Any) -> str | None:
    """Return what llguidance has against a schema."""
    try:
        return LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema))) or None
    except ValueError as error:
        return str(error)


class _TooLargeError(Exception):
    """In other words the schema would be too large."""


class _Rewriting:
    def __init__(self, root: Any, *, splits_one_of: bool) -> None:
        self._root = root
        self._splits_one_of = splits_one_of
        self._left = _MOST_PARTS
        self.result = self._rewritten(root)

    def _rewritten(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError
        kept: dict[str, Any] = {}
        for key, value in reworded(schema, self._root, splits_one_of=self._splits_one_of).items():
            if key in BY_NAME and isinstance(value, dict):
                kept[key] = {name: self._rewritten(part) for name, part in value.items()}
            elif key in LISTS and isinstance(value, list):
                kept[key] = [self._rewritten(part) for part in value]
            elif key in SCHEMAS:
                kept[key] = self._rewritten(value)
            elif not _asserts_nothing(key, value):
                kept[key] = value
        return kept


def as_far_as_possible(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema for objects, what llguidance has no grammar for left out: keywords, or else all of it."""
    lenient = {**schema, "x-guidance": {"lenient": True}}
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(lenient))
    return lenient if not LLMatcher.validate_grammar(grammar) else {"type": "object", "x-guidance": {}}


def _asserts_nothing(key: str, value: Any) -> bool:
    return (
        (key == "format" and value not in _FORMATS)
        or (key == "properties" and value is None)
        or (key == "uniqueItems" and value is False)
        or (key in ("minContains", "maxContains"))
    )
