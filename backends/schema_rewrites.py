"""Keywords of JSON schemas that llguidance does not know, said with those that it knows.

What matches the rewritten schema matches the original; the reverse holds but for rare values, such as one that matches
two parts of ``anyOf`` beside ``unevaluatedProperties``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from backends.schema_complements import Schema, all_of, any_of, complement
from backends.schema_evaluation import alternatives, closing

_COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_MOST_PARTS_OF_ONE_OF = 8


def reworded(schema: Mapping[str, Any], root: Schema, *, splits_one_of: bool) -> dict[str, Any]:
    """Return the same schema in other words, as far as they are known; the schemas in it are left as they are.

    Args:
        schema: An object of a JSON schema.
        root: The whole schema, for references.
        splits_one_of: ``oneOf`` is said with complements. Unnecessary where no two parts match the same value.
    """
    said = {key: _whole(value) if key in _COUNTS else value for key, value in schema.items()}
    conditions: list[Schema] = []
    for keys in _UNEVALUATED:
        _take(said, conditions, (keys,), _unevaluated(keys, root))
    _take(said, conditions, ("if", "then", "else"), _if)
    _take(said, conditions, ("not",), _not)
    for key in ("dependentRequired", "dependentSchemas", "dependencies"):
        _take(said, conditions, (key,), _dependent(key))
    _take(said, conditions, ("propertyNames",), _names)
    if splits_one_of:
        _take(said, conditions, ("oneOf",), _one_of)
    if conditions:
        said["allOf"] = [*said.get("allOf", ()), *conditions]
    return said


def _take(
    said: dict[str, Any],
    conditions: list[Schema],
    keys: tuple[str, ...],
    reword: Callable[[dict[str, Any]], Schema | None],
) -> None:
    """Move ``keys`` to ``conditions`` in other words, if there are any."""
    if not said.keys() & set(keys) or not isinstance(said.get("allOf", []), list):
        return
    condition = reword(said)
    if condition is None:
        return
    for key in keys:
        said.pop(key, None)
    if condition is not True:
        conditions.append(condition)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _if(schema: dict[str, Any]) -> Schema | None:
    then, otherwise = schema.get("then", True), schema.get("else", True)
    if "if" not in schema or (then is True and otherwise is True):
        return True
    met, unmet = schema["if"], complement(schema["if"], _without(schema, "if", "then", "else"))
    return None if unmet is None else any_of([all_of([met, then]), all_of([unmet, otherwise])])


def _not(schema: dict[str, Any]) -> Schema | None:
    return complement(schema["not"], _without(schema, "not"))


def _dependent(key: str) -> Callable[[dict[str, Any]], Schema | None]:
    def reword(schema: dict[str, Any]) -> Schema | None:
        if not isinstance(schema[key], dict):
            return None
        conditions: list[Schema] = []
        for name, needed in schema[key].items():
            if isinstance(needed, list):
                then: Schema = {"required": [name, *(it for it in needed if it != name)]}
            else:
                then = all_of([{"required": [name]}, needed])
            conditions.append(any_of([{"properties": {name: False}}, then]))
        return all_of(conditions)

    return reword


def _names(schema: dict[str, Any]) -> Schema | None:
    """``propertyNames`` as patterns, where nothing else names properties."""
    names = schema["propertyNames"]
    if names in (True, {}, {"type": "string"}):
        return True
    if not isinstance(names, dict) or {"properties", "patternProperties"} & schema.keys():
        return None
    pattern = _pattern_of({key: value for key, value in names.items() if (key, value) != ("type", "string")})
    if pattern is None:
        return None
    return {"patternProperties": {pattern: schema.pop("additionalProperties", True)}, "additionalProperties": False}


def _pattern_of(names: Mapping[str, Any]) -> str | None:
    match names:
        case {"pattern": str(pattern), **others} if not others:
            return pattern
        case {"enum": [*words], **others} if not others and all(isinstance(word, str) for word in words):
            return f"^(?:{'|'.join(map(re.escape, words))})$"
        case {"const": str(word), **others} if not others:
            return f"^{re.escape(word)}$"
    if names.keys() <= {"minLength", "maxLength"} and all(isinstance(it, int) for it in names.values()):
        return f"^(?s:.{{{names.get('minLength', 0)},{names.get('maxLength', '')}}})$"
    return None


def _one_of(schema: dict[str, Any]) -> Schema | None:
    parts = schema["oneOf"]
    if not isinstance(parts, list) or len(parts) > _MOST_PARTS_OF_ONE_OF:
        return None
    others = [complement(part) for part in parts]
    if None in others:
        return None
    return any_of([all_of([part, *others[:at], *others[at + 1 :]]) for at, part in enumerate(parts)])


def _unevaluated(key: str, root: Schema) -> Callable[[dict[str, Any]], Schema | None]:
    def reword(schema: dict[str, Any]) -> Schema | None:
        ways = alternatives(_without(schema, *_UNEVALUATED), root)
        if ways is None:
            return None
        return any_of([all_of([way.condition, closing(way, key, schema[key])]) for way in ways])

    return reword


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}
