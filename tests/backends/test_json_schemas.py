"""Schemas as programs write them: what asserts nothing is taken, what has no grammar is refused if it is strict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher

from backends.contract import Constraint, EngineError
from backends.conversation.tools import arguments_schema
from backends.grammar import compiled
from backends.json_schemas import rewritten

TEXT: Any = {"type": "string"}
HARMLESS = {
    "a zod record": {"type": "object", "propertyNames": TEXT, "additionalProperties": TEXT},
    "int64": {"type": "integer", "format": "int64"},
    "uri-reference": {"type": "string", "format": "uri-reference"},
    "password": {"type": "string", "format": "password"},
    "null for none": {"type": "object", "properties": None},
    "in a list": {"type": "array", "items": {"anyOf": [{"type": "string", "format": "regex"}, {"type": "null"}]}},
}
NO_GRAMMAR = {
    "a set": {"type": "array", "items": TEXT, "uniqueItems": True},
    "not": {"type": "string", "not": {"pattern": "x"}},
    "contains": {"type": "array", "contains": TEXT},
    "look-ahead": {"type": "string", "pattern": "^(?=a)a"},
    "names": {"type": "object", "propertyNames": {"maxLength": 3, "pattern": "a"}},
}


def tool(part: Any, *, strict: bool | None = None) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": TEXT, "more": part}, "required": ["city"]}
    return {"type": "function", "function": {"name": "look", "parameters": parameters, "strict": strict}}


def wrong(schema: dict[str, Any]) -> str:
    """What llguidance has against it."""
    return LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema)))


@pytest.mark.parametrize("part", HARMLESS.values(), ids=HARMLESS)
def test_what_asserts_nothing_is_taken(part: dict[str, Any]) -> None:
    assert wrong(arguments_schema(tool(part, strict=True))) == ""
    form = compiled(Constraint("json_schema", json.dumps({"type": "object", "properties": {"it": part}})))
    assert LLMatcher.validate_grammar(form) == ""


@pytest.mark.parametrize("part", NO_GRAMMAR.values(), ids=NO_GRAMMAR)
def test_what_has_no_grammar_is_refused_where_it_is_strict_and_else_left_out(part: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"parameters of look cannot be kept to: at properties\.more") as caught:
        arguments_schema(tool(part, strict=True))
    assert (caught.value.code, caught.value.details["path"]) == ("bad_param", "tools")
    assert wrong(arguments_schema(tool(part))) == ""
    assert LLMatcher.validate_grammar(compiled(Constraint("json_schema", json.dumps(part))))


def test_the_rest_of_it_is_kept_to() -> None:
    assert arguments_schema(tool(NO_GRAMMAR["a set"]))["properties"]["city"] == TEXT


def test_names_and_values_that_look_like_keywords_stay() -> None:
    schema = {
        "properties": {"format": TEXT, "properties": {"const": None}, "propertyNames": {"enum": [{"format": "x"}]}},
        "required": ["format"],
    }
    assert rewritten(schema) == schema
