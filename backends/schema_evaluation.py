"""Which properties and items a JSON schema evaluates, for ``unevaluatedProperties`` and ``unevaluatedItems``.

<https://json-schema.org/draft/2020-12/json-schema-core#section-11>
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import unquote

from backends.schema_complements import Schema, all_of, complement

_MOST_WAYS = 32
_MOST_PARTS = 200
_UNKNOWN = {"contains", "$dynamicRef", "$recursiveRef"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to match a schema: a value that matches ``condition`` too has these properties and items evaluated."""

    condition: Schema = True
    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    all_names: bool = False
    items: int = 0
    all_items: bool = False

    def beside(self, other: Way) -> Way:
        """Return this way and another, both met."""
        return Way(
            all_of([self.condition, other.condition]),
            self.names | other.names,
            self.patterns | other.patterns,
            self.all_names or other.all_names,
            max(self.items, other.items),
            self.all_items or other.all_items,
        )


def alternatives(schema: Schema, root: Schema) -> list[Way] | None:
    """Return ways to match ``schema`` that cover all values which do. None where they are too many or not known."""
    return _Search(root).ways(schema)


def closing(way: Way, key: str, value: Schema) -> Schema:
    """Return the schema that holds what is not evaluated to ``value``, the value of the keyword ``key``."""
    if key == "unevaluatedProperties":
        if way.all_names:
            return True
        patterns = {"patternProperties": dict.fromkeys(sorted(way.patterns), True)} if way.patterns else {}
        return {"properties": dict.fromkeys(sorted(way.names), True), **patterns, "additionalProperties": value}
    if way.all_items:
        return True
    return {"prefixItems": [True] * way.items, "items": value}


def _own(schema: Mapping[str, Any]) -> Way:
    properties, patterns = (schema.get(key) for key in ("properties", "patternProperties"))
    prefix, items = schema.get("prefixItems"), schema.get("items")
    first = items if isinstance(items, list) else prefix  # until 2019 ``items`` was a list as well
    rest = "additionalItems" if isinstance(items, list) else "items"
    return Way(
        names=frozenset(properties if isinstance(properties, dict) else ()),
        patterns=frozenset(patterns if isinstance(patterns, dict) else ()),
        all_names="additionalProperties" in schema or "unevaluatedProperties" in schema,
        items=len(_list(first)),
        all_items=rest in schema or "unevaluatedItems" in schema,
    )


class _Search:
    """Follows a schema through its parts and references, up to a limit."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = _MOST_PARTS
        self._choices = {
            "anyOf": self._one_of_several,
            "oneOf": self._one_of_several,
            "if": self._condition,
            "dependentSchemas": self._dependent,
        }

    def ways(self, schema: Schema) -> list[Way] | None:
        if not isinstance(schema, dict):
            return [Way()]
        self._left -= 1
        if self._left < 0 or schema.keys() & _UNKNOWN:
            return None
        ways: list[Way] | None = [_own(schema)]
        for key, choose in self._choices.items():
            if key in schema:
                ways = _both(ways, choose(schema, key))
        for part in _list(schema.get("allOf")):
            ways = _both(ways, self.ways(part))
        if "$ref" in schema:
            target = _target(schema["$ref"], self._root)
            ways = None if target is None else _both(ways, self.ways(target))
        return ways

    def _one_of_several(self, schema: Mapping[str, Any], key: str) -> list[Way] | None:
        ways: list[Way] | None = []
        for part in _list(schema[key]):
            ways = _either(ways, _both([Way(part)], self.ways(part)))
        return ways

    def _condition(self, schema: Mapping[str, Any], key: str) -> list[Way] | None:
        unmet = complement(schema[key])
        if unmet is None:
            return None
        first = _both(_both([Way(schema[key])], self.ways(schema[key])), self.ways(schema.get("then")))
        return _either(first, _both([Way(unmet)], self.ways(schema.get("else"))))

    def _dependent(self, schema: Mapping[str, Any], key: str) -> list[Way] | None:
        ways: list[Way] | None = [Way()]
        for name, part in schema[key].items() if isinstance(schema[key], dict) else ():
            absent = [Way({"properties": {name: False}})]
            ways = _both(ways, _either(absent, _both([Way({"required": [name]})], self.ways(part))))
        return ways


def _both(one: list[Way] | None, other: list[Way] | None) -> list[Way] | None:
    if one is None or other is None or len(one) * len(other) > _MOST_WAYS:
        return None
    return [first.beside(second) for first, second in product(one, other)]


def _either(one: list[Way] | None, other: list[Way] | None) -> list[Way] | None:
    if one is None or other is None or len(one) + len(other) > _MOST_WAYS:
        return None
    return [*one, *other]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _target(reference: Any, root: Schema) -> Schema | None:
    """Return what a reference within the document points at."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    target: Any = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and name.isascii() and name.isdigit() and int(name) < len(target):
            target = target[int(name)]
        elif isinstance(target, dict) and name in target:
            target = target[name]
        else:
            return None
    return target if reference in ("#", "#/") or "/" in reference else None
