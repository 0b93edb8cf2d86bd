"""Where a JSON schema cannot be kept to, why, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from backends.json_schemas import BY_NAME, LISTS, SCHEMAS, fault, rewritten

LONGEST_REASON = 1000
_MOST_TRIES = 200
"""Parts of a schema that are compiled by themselves to find the one at fault."""
_ROOTS = ("$defs", "definitions")
_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"Unimplemented keys: \[(.*)\]"),
        "no grammar can see to the keyword {0}; leave it out, or say it with type, enum, anyOf, pattern or bounds",
    ),
    (
        re.compile(r"oneOf constraints are not supported.*"),
        "several parts of oneOf can match the same value; write anyOf",
    ),
    (re.compile(r"Failed to generate regex for integer range.*"), "a bound of an integer has at most 18 digits"),
    (re.compile(r"Pointer '(.*)' does not exist"), "$ref points at #{0}, which is not there"),
)


def schema_fault(schema: Any) -> str | None:
    """Return what is wrong with a schema: the path of the part at fault and the reason. None where nothing is."""
    schema = rewritten(schema)
    reason = fault(schema)
    if reason is None:
        return None
    roots = {name: schema[name] for name in _ROOTS if isinstance(schema, dict) and name in schema}
    place = _place(schema, reason, roots, [_MOST_TRIES])
    said = whole(_advice(reason))
    return f"at {place}: {said}" if place else said


def whole(reason: str) -> str:
    """Return a reason of several lines on one, whole unless it is very long."""
    return " ".join(reason.split())[:LONGEST_REASON]


def _advice(reason: str) -> str:
    for pattern, advice in _ADVICE:
        if match := pattern.fullmatch(reason.strip()):
            return advice.format(*(group.replace('"', "") for group in match.groups()))
    return reason


def _place(schema: Any, reason: str, roots: Mapping[str, Any], tries: list[int]) -> str:
    """Return the path of the innermost part that is refused for the same reason by itself."""
    for path, part in _parts(schema):
        if tries[0] == 0:
            break
        tries[0] -= 1
        if fault({**roots, **part}) == reason:
            inner = _place(part, reason, roots, tries)
            return f"{path}.{inner}" if inner else path
    return ""


def _parts(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas in a schema, each with its path."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if isinstance(value, dict) and key in BY_NAME:
            yield from ((f"{key}.{name}", part) for name, part in value.items() if isinstance(part, dict))
        elif isinstance(value, list) and key in LISTS:
            yield from ((f"{key}.{index}", part) for index, part in enumerate(value) if isinstance(part, dict))
        elif isinstance(value, dict) and key in SCHEMAS:
            yield key, value
