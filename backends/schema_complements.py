"""What a JSON schema refuses, as a schema: the complement that ``not`` and ``else`` stand for.

llguidance has no grammar for ``not`` and ``if``. Where the complement of a schema can be said with other keywords, they
can be said without. A complement may be smaller than the real one, never larger: what matches it is refused by the
schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Any
TYPES = ("null", "boolean", "number", "string", "array", "object")
_TYPE_OF: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "minimum": ("number", "exclusiveMaximum"),
    "maximum": ("number", "exclusiveMinimum"),
    "exclusiveMinimum": ("number", "maximum"),
    "exclusiveMaximum": ("number", "minimum"),
}
_SIZES: Mapping[str, tuple[str, str, int]] = {
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
"""For a keyword: the type that it is about, and the keyword and the bound that say the opposite."""
_MOST_CHARACTERS = 1000
_LONGEST_WORD = 64
"""Of texts that a schema excludes: their complement is a regular expression, which nests as deep as a word is long."""
ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema"}
)


def complement(schema: Schema, beside: Schema = None) -> Schema | None:
    """Return a schema of values that ``schema`` refuses, or None where none is known.

    Args:
        schema: A schema as ``json_schemas`` leaves it.
        beside: The schema that holds for the same values. Where it lists values, only those are told apart.
            None where there is no other.
    """
    if isinstance(schema, bool):
        return not schema
    if not isinstance(schema, dict):
        return None
    parts: list[Schema] = []
    for key, value in schema.items():
        if key in ANNOTATIONS:
            continue
        opposites = _opposites(key, value, beside)
        if opposites is None:
            return None
        parts += opposites
    return any_of(parts)


def any_of(parts: list[Schema]) -> Schema:
    """Return a schema that matches what one of ``parts`` matches."""
    parts = [part for part in parts if part is not False]
    if True in parts:
        return True
    return parts[0] if len(parts) == 1 else {"anyOf": parts} if parts else False


def all_of(parts: list[Schema]) -> Schema:
    """Return a schema that matches what all of ``parts`` match."""
    parts = [part for part in parts if part is not True and part != {}]
    if False in parts:
        return False
    return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True


def _opposites(key: str, value: Any, beside: Schema) -> list[Schema] | None:
    """Return schemas each of which breaks one keyword; None where the keyword is not known here."""
    if key in _BOUNDS:
        kind, other = _BOUNDS[key]
        return [{"type": kind, other: value}]
    if key in _SIZES and isinstance(value, int):
        kind, other, step = _SIZES[key]
        return [{"type": kind, other: value + step}] if value + step >= 0 else []
    form, known = _KEYWORDS.get(key, (object, _unknown))
    return known(value, beside) if isinstance(value, form) else None


def _unknown(_value: Any, _beside: Schema) -> None:
    return None


def _not_type(value: Any, _beside: Schema) -> list[Schema] | None:
    types = value if isinstance(value, list) else [value]
    if not all(it in (*TYPES, "integer") for it in types):
        return None
    others = [it for it in TYPES if it not in types and not (it == "number" and "integer" in types)]
    return [{"type": others}] if others else []


def _not_value(value: Any, beside: Schema) -> list[Schema] | None:
    return _not_values([value], beside)


def _not_values(values: list[Any], beside: Schema) -> list[Schema] | None:
    listed = _listed(beside)
    if listed is not None:
        others = [it for it in listed if not any(_is_same(it, value) for value in values)]
        return [{"enum": others}] if others else []
    kinds = {_type_of(value) for value in values}
    others = [{"type": [it for it in TYPES if it not in kinds]}] if kinds < set(TYPES) else []
    if "boolean" in kinds:
        others += [{"const": it} for it in (True, False) if not any(_is_same(it, value) for value in values)]
    if "string" in kinds:
        words = {it for it in values if isinstance(it, str)}
        if sum(map(len, words)) > _MOST_CHARACTERS or max(map(len, words)) > _LONGEST_WORD:
            return None
        others.append({"type": "string", "pattern": f"^(?:{'|'.join(_other_texts(words))})$"})
    return others


def _not_required(names: list[Any], _beside: Schema) -> list[Schema]:
    return [{"type": "object", "properties": {name: False}} for name in names if isinstance(name, str)]


def _not_properties(properties: Mapping[str, Schema], beside: Schema) -> list[Schema] | None:
    known = beside.get("properties", {}) if isinstance(beside, dict) else {}
    others = []
    for name, part in properties.items():
        opposite = complement(part, known.get(name))
        if opposite is None:
            return None
        if opposite is not False:
            others.append({"type": "object", "properties": {name: opposite}, "required": [name]})
    return others


def _not_all(parts: list[Schema], beside: Schema) -> list[Schema] | None:
    opposites = [complement(part, beside) for part in parts]
    return None if None in opposites else opposites


def _not_any(parts: list[Schema], beside: Schema) -> list[Schema] | None:
    opposites = _not_all(parts, beside)
    return None if opposites is None else [all_of(opposites)]


def _double_not(part: Schema, _beside: Schema) -> list[Schema]:
    return [part]


_KEYWORDS: Mapping[str, tuple[type | tuple[type, ...], Callable[[Any, Schema], list[Schema] | None]]] = {
    "type": ((str, list), _not_type),
    "const": (object, _not_value),
    "enum": (list, _not_values),
    "required": (list, _not_required),
    "properties": (dict, _not_properties),
    "allOf": (list, _not_all),
    "anyOf": (list, _not_any),
    "not": (object, _double_not),
}
"""The form of a keyword's value, and schemas that break it."""


def _listed(schema: Schema) -> list[Any] | None:
    """Return the values of a schema that lists them."""
    if isinstance(schema, dict):
        if "const" in schema:
            return [schema["const"]]
        if isinstance(schema.get("enum"), list):
            return list(schema["enum"])
        if schema.get("type") == "boolean":
            return [True, False]
    return None


def _is_same(one: Any, other: Any) -> bool:
    """Return True for equal values as JSON has them: true is not 1."""
    return _type_of(one) == _type_of(other) and bool(one == other)


def _type_of(value: Any) -> str:
    return next(name for kind, name in _TYPE_OF if isinstance(value, kind))


def _other_texts(words: set[str]) -> Iterator[str]:
    """Yield regular expressions of every text but ``words``: of those that end early, and that go on otherwise."""
    if "" not in words:
        yield ""
    first = sorted({word[0] for word in words if word})
    yield f"[^{''.join(map(_in_class, first))}](?s:.*)" if first else "(?s:.+)"
    for character in first:
        rest = {word[1:] for word in words if word[:1] == character}
        yield f"{re.escape(character)}(?:{'|'.join(_other_texts(rest))})"


def _in_class(character: str) -> str:
    return f"\\{character}" if character in r"\]^-[&~" else character
