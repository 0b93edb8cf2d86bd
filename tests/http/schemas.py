"""Random JSON schemas of the kinds that people write for structured output, and tools made of them."""

from __future__ import annotations

import os
import random
from typing import Any

FEW, MANY = 8, 100
"""Numbers of schemas that each client is tried with, in ``make test`` and in ``make test-long``."""


def random_schemas() -> list[dict[str, Any]]:
    """Return as many schemas as ``TABAGENT_TEST_SCHEMAS`` says, for the client in JavaScript."""
    return [random_schema(seed) for seed in range(int(os.environ.get("TABAGENT_TEST_SCHEMAS", FEW)))]


def random_schema(seed: int) -> dict[str, Any]:
    """An object with one to three properties, two levels deep at most. Bounded, so that every answer ends."""
    draw = random.Random(seed)
    return _object(draw, depth=2)


def _object(draw: random.Random, depth: int) -> dict[str, Any]:
    names = draw.sample(["name", "age", "tags", "ok", "score", "kind", "address", "id"], draw.randint(1, 3))
    properties = {name: _value(draw, depth - 1) for name in names}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def _value(draw: random.Random, depth: int) -> dict[str, Any]:
    kind = draw.choice(["string", "integer", "number", "boolean", "enum", "const", "null", "any", "array", "object"])
    if kind == "string":
        return {"type": "string", "maxLength": draw.randint(1, 8)}
    if kind == "integer":
        return {"type": "integer", "minimum": -9, "maximum": draw.randint(0, 999)}
    if kind == "number":
        return {"type": "integer", "minimum": 0, "maximum": 9}
    if kind == "enum":
        return {"enum": draw.sample(["red", "green", "blue", "über", 'a"b', 1, None], draw.randint(1, 4))}
    if kind == "const":
        return {"const": draw.choice(["fixed", 42, True])}
    if kind == "any":
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "maxLength": 4}]}
    if kind == "array":
        return {"type": "array", "items": _leaf(draw), "minItems": draw.randint(0, 1), "maxItems": draw.randint(1, 3)}
    if kind == "object" and depth > 0:
        return _object(draw, depth)
    return {"type": kind if kind in ("boolean", "null") else "boolean"}


def _leaf(draw: random.Random) -> dict[str, Any]:
    return draw.choice([{"type": "boolean"}, {"type": "string", "maxLength": 4}, {"enum": ["x", "y"]}])
