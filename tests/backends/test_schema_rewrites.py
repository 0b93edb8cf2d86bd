"""Row P10: keywords that llguidance does not know, in words that it knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from backends.contract import Constraint
from backends.grammar import compiled
from backends.json_schemas import rewritten
from backends.schema_faults import schema_fault

BYTES = LLTokenizer("byte")
KINDS = {
    "type": "object",
    "properties": {"kind": {"enum": ["card", "cash"]}, "number": {"type": "string"}},
    "required": ["kind"],
    "if": {"properties": {"kind": {"const": "card"}}},
    "then": {"required": ["number"]},
    "else": {"properties": {"number": False}},
}
CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "not a type": ({"not": {"type": ["string", "null"]}}, [1, 1.5, True, [], {}], ["a", None]),
    "not a text": ({"type": "string", "not": {"const": "no"}}, ["", "n", "nope", "on", "né"], ["no"]),
    "not some texts": (
        {"type": "string", "not": {"enum": ["a", "ab", "^]"]}},
        ["", "abc", "b", "^"],
        ["a", "ab", "^]"],
    ),
    "not one of a list": ({"enum": ["a", 1, None], "not": {"enum": [1, "b"]}}, ["a", None], [1, "b"]),
    "not true": ({"type": "boolean", "not": {"const": True}}, [False], [True]),
    "not a number": ({"type": "integer", "not": {"minimum": 5}}, [4, -3], [5, 6]),
    "not long": ({"type": "string", "not": {"maxLength": 2}}, ["abc"], ["", "ab"]),
    "not not": ({"not": {"not": {"type": "string"}}}, ["a"], [1]),
    "not both": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "not": {"required": ["a", "b"]}},
        [{}, {"a": None}, {"b": None}],
        [{"a": None, "b": None}],
    ),
    "not with a property": (
        {"type": "object", "properties": {"a": {"type": "integer"}}, "not": {"properties": {"a": {"maximum": 3}}}},
        [{"a": 4}],
        [{}, {"a": 3}],
    ),
    "if, then, else": (
        KINDS,
        [{"kind": "card", "number": "1"}, {"kind": "cash"}],
        [{"kind": "card"}, {"kind": "cash", "number": "1"}],
    ),
    "if alone": ({"type": "string", "if": {"minLength": 2}}, ["a", "abc"], [1]),
    "then alone": ({"type": "string", "then": {"minLength": 2}}, ["a"], [1]),
    "if of types": (
        {"type": ["string", "integer"], "if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 3}},
        ["ab", 3],
        ["a", 2],
    ),
    "dependentRequired": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
        [{}, {"b": 1}, {"a": 1, "b": 2}],
        [{"a": 1}],
    ),
    "dependentSchemas": (
        {"type": "object", "properties": {"a": {}}, "dependentSchemas": {"a": {"maxProperties": 1}}},
        [{"b": 1, "c": 2}, {"a": 1}],
        [{"a": 1, "b": 2}],
    ),
    "dependencies": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "dependencies": {"a": ["b"], "b": {"required": ["c"]}}},
        [{}, {"a": 1, "b": 1, "c": 1}],
        [{"a": 1}, {"a": 1, "b": 1}],
    ),
    "names of a pattern": ({"type": "object", "propertyNames": {"pattern": "^a"}}, [{}, {"ab": 1}], [{"b": 1}]),
    "names of a list": (
        {"type": "object", "propertyNames": {"enum": ["a.b", "c"]}, "additionalProperties": {"type": "null"}},
        [{"a.b": None}],
        [{"axb": None}, {"c": 1}],
    ),
    "names of a length": ({"type": "object", "propertyNames": {"maxLength": 2}}, [{"ab": 1}], [{"abc": 1}]),
    "overlapping oneOf": ({"type": "integer", "oneOf": [{"minimum": 1}, {"maximum": 5}]}, [0, 6], [1, 5]),
    "oneOf of names": (
        {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        [{"a": 1}, {"b": 1}],
        [{}, {"a": 1, "b": 1}],
    ),
    "unevaluatedProperties beside allOf": (
        {"allOf": [{"properties": {"a": {}}}, {"$ref": "#/$defs/b"}], "unevaluatedProperties": False,
         "$defs": {"b": {"properties": {"b": {}}, "patternProperties": {"^x": {}}}}, "type": "object"},
        [{"a": 1, "b": 2, "x1": 3}],
        [{"c": 1}],
    ),
    "unevaluatedProperties beside anyOf": (
        {"type": "object", "properties": {"a": {}}, "unevaluatedProperties": False,
         "anyOf": [{"properties": {"b": {}}, "required": ["b"]}, {"properties": {"c": {}}, "required": ["c"]}]},
        [{"b": 1}, {"a": 1, "c": 1}],
        [{"a": 1}, {"b": 1, "d": 1}],
    ),
    "unevaluatedProperties beside if": (
        {**KINDS, "unevaluatedProperties": False},
        [{"kind": "card", "number": "1"}, {"kind": "cash"}],
        [{"kind": "card", "number": "1", "x": 1}, {"kind": "cash", "x": 1}],
    ),
    "unevaluatedProperties of a type": (
        {"type": "object", "allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": {"type": "null"}},
        [{"a": 1, "b": None}],
        [{"b": 1}],
    ),
    "unevaluatedItems": (
        {"type": "array", "allOf": [{"prefixItems": [{}, {"type": "string"}]}], "unevaluatedItems": False},
        [[], [1, "a"]],
        [[1, 2], [1, "a", 3]],
    ),
    "all of it": (True, [1, "a", {"a": [None]}], []),
}  # fmt: skip


def accepts(grammar: str, value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": ")).encode()
    matcher = LLMatcher(BYTES, grammar, log_level=0)
    return matcher.try_consume_tokens(list(text)) == len(text) and matcher.is_accepting()


@pytest.mark.parametrize("name", CASES)
def test_p10_what_can_be_said_otherwise_is_kept_to(name: str) -> None:
    schema, valid, invalid = CASES[name]
    assert schema_fault(schema) is None
    grammar = compiled(Constraint("json_schema", json.dumps(schema)))
    assert [value for value in valid if not accepts(grammar, value)] == []
    assert [value for value in invalid if accepts(grammar, value)] == []


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"pattern": "a"}},
        {"not": {"const": "x" * 65}},
        {"if": {"items": {"type": "string"}}, "then": {"minItems": 2}},
        {"type": "object", "propertyNames": {"pattern": "a", "minLength": 3}},
        {"type": "object", "propertyNames": {"pattern": "a"}, "properties": {"a": {}}},
        {"type": "array", "contains": {"type": "string"}, "unevaluatedItems": False},
        {"$ref": "#", "unevaluatedProperties": False},
        {"allOf": [{"if": {"required": [f"a{it}"]}, "then": {"required": [f"b{it}"]}} for it in range(30)]},
    ],
)
def test_p10_what_cannot_is_refused(schema: Any) -> None:
    assert schema_fault(schema) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {"not": 3, "if": "x", "then": [], "dependentRequired": [1], "dependentSchemas": {"a": 4}, "allOf": 7},
        {"not": {"required": "abc", "properties": {"a": 3}, "anyOf": "x", "minLength": "q", "enum": 3, "type": 5}},
        {"not": {"type": [["a"]]}},
        {"not": {"type": "strin"}},
        {"dependencies": {"a": [3]}, "not": {"required": [{}]}},
        {"propertyNames": 5, "unevaluatedProperties": False, "anyOf": {"a": 1}, "oneOf": [3], "properties": [1]},
        {"$ref": 5, "unevaluatedItems": False, "prefixItems": 5, "items": [[]]},
    ],
)
def test_p10_nonsense_is_refused_like_nonsense(schema: Any) -> None:
    rewritten(schema)
    assert schema_fault(schema) is not None


def test_p10_a_schema_that_would_grow_without_end_stays() -> None:
    schema: Any = {"type": "object", "properties": {"a": {}}, "unevaluatedProperties": False}
    for level in range(6):
        several = {"anyOf": [schema, schema, {"properties": {f"p{level}": schema}}]}
        schema = {"unevaluatedProperties": False, "allOf": [several], **several}
    assert rewritten(schema) == schema
