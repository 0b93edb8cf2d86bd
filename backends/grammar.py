"""Constraints as the JSON that llguidance, in Python and in Rust, makes its matchers of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llguidance import LLMatcher
from llguidance.gbnf_to_lark import gbnf_to_lark

from backends.contract import Constraint, EngineError
from backends.json_schemas import rewritten
from backends.schema_faults import schema_fault, whole

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions  # its only home, and a stub

WHITESPACE: JsonCompileOptions = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Between the parts of JSON: what models were trained to write, and no more. Where any is allowed, small models write
line breaks until they run out of tokens. A schema's own ``x-guidance`` comes first."""


def compiled(constraint: Constraint) -> str:
    """The grammar as llguidance's JSON.

    Raises:
        EngineError: ``bad_param`` where it cannot be read; most mistakes show only when a matcher is made of it.
    """
    try:
        match constraint.kind:
            case "json_schema":
                schema = json.dumps(rewritten(json.loads(constraint.value)))
                return str(LLMatcher.grammar_from_json_schema(schema, defaults=WHITESPACE))
            case "regex":
                return str(LLMatcher.grammar_from_regex(constraint.value))
            case "gbnf":
                return _of_lark(_lark_of(constraint))
            case "lark":
                return _of_lark(constraint.value)
            case "llguidance":
                return constraint.value
    except ValueError as error:
        raise unusable(constraint, str(error)) from error


def _lark_of(gbnf: Constraint) -> str:
    try:
        return str(gbnf_to_lark(gbnf.value))
    except Exception as error:  # it raises whatever it stumbles over
        raise unusable(gbnf, str(error) or type(error).__name__) from error


def _of_lark(grammar: str) -> str:
    return json.dumps({"grammars": [{"lark_grammar": grammar}]})


def unusable(constraint: Constraint, reason: str) -> EngineError:
    """Return ``bad_param`` with the whole reason, and the place in a schema."""
    said = whole(reason)
    if constraint.kind == "llguidance":
        return EngineError("bad_param", f"The schemas or the grammar cannot be kept to: {said}", path="tools")
    if constraint.kind == "json_schema":
        said = schema_fault(json.loads(constraint.value)) or said
    path = "options.response_format" if constraint.kind == "json_schema" else "options.grammar"
    return EngineError("bad_param", f"{path} is not a {constraint.kind} that can be kept to: {said}", path=path)
