"""Rows H19, P3, P9 and P10: a refused schema is told with its place and what to write; ``strict`` means closed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher

from backends.contract import Constraint
from backends.grammar import compiled, unusable
from backends.schema_faults import schema_fault
from native_host.core.strict_schemas import closed


def within(part: Any) -> dict[str, Any]:
    """Return a schema that has ``part`` somewhere inside."""
    items = {"type": "array", "items": {"anyOf": [{"type": "null"}, part]}}
    return {"type": "object", "properties": {"ok": {"type": "string"}, "list": items}}


REFUSED: dict[str, tuple[Any, str]] = {
    "not": ({"not": {"pattern": "a"}}, "no grammar can see to the keyword not"),
    "if": ({"if": {"pattern": "a"}, "then": {"minLength": 2}}, "the keyword if, then"),
    "pattern": ({"type": "string", "pattern": "a(b"}, "regex parse error: a(b ^ error: unclosed group"),
    "look-ahead": ({"type": "string", "pattern": "(?=x)y"}, "look-around"),
    "bound": ({"type": "integer", "minimum": 10**20}, "at most 18 digits"),
    "type": ({"type": "strin"}, "Invalid type: strin"),
    "oneOf": (
        {"oneOf": [{"pattern": "a"}, {"pattern": "b"}]},
        "several parts of oneOf can match the same value; write anyOf",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_h19_p9_the_place_and_the_whole_reason(kind: str) -> None:
    part, reason = REFUSED[kind]
    assert reason in str(schema_fault(part))
    fault = str(schema_fault(within(part)))
    assert fault.startswith("at properties.list.items.anyOf.1"), fault
    assert reason in fault
    error = unusable(Constraint("json_schema", json.dumps(within(part))), "the first words\nof the reason")
    assert error.code == "bad_param"
    assert error.details["path"] == "options.response_format"
    assert fault in error.message


def test_p9_a_reference_to_nothing() -> None:
    assert schema_fault({"$ref": "#/$defs/x"}) == "$ref points at #/$defs/x, which is not there"


def test_h19_a_regular_expression_and_its_whole_reason() -> None:
    reason = LLMatcher.validate_grammar(LLMatcher.grammar_from_regex("a(b"))
    message = unusable(Constraint("regex", "a(b"), reason).message
    assert message.startswith("options.grammar is not a regex that can be kept to:")
    assert "error: unclosed group" in message


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}, "maxItems": 2.0},
        {"type": "string", "minLength": 1.0, "maxLength": 3},
        {"type": "object", "properties": {"a": {"type": "string"}}, "unevaluatedProperties": False},
        {"type": "object", "propertyNames": {"pattern": "^a"}},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    ],
)
def test_p9_p10_what_can_be_said_otherwise_is_kept_to(schema: dict[str, Any]) -> None:
    assert schema_fault(schema) is None
    assert LLMatcher.validate_grammar(compiled(Constraint("json_schema", json.dumps(schema)))) == ""


def test_p10_unevaluated_properties_that_nobody_can_tell_are_refused() -> None:
    schema = {"type": "object", "$dynamicRef": "#a", "unevaluatedProperties": False}
    assert "unevaluatedProperties" in str(schema_fault(schema))


OPEN = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": ["object", "null"]}}}}}
CLOSED = {
    "type": "object",
    "properties": {
        "a": {
            "type": "object",
            "properties": {"b": {"type": ["object", "null"], "additionalProperties": False}},
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}


def test_p3_strict_objects_are_closed() -> None:
    assert closed(OPEN) == CLOSED
    assert closed({"anyOf": [OPEN], "$defs": {"x": OPEN}}) == {"anyOf": [CLOSED], "$defs": {"x": CLOSED}}
    assert closed({"type": "array", "items": OPEN})["items"] == CLOSED
    for schema in (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        {"type": "object", "properties": {}, "allOf": [{"properties": {"a": {"type": "string"}}}]},
        {"$ref": "#/$defs/x"},
        {"type": "string"},
    ):
        assert closed(schema) == schema
