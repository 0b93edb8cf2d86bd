"""Calls of tools that come in parts, as OpenAI's streams have them, put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def whole_calls(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls of ``parts``. Only the first part of a call has its id and name, and indices count from 0."""
    calls: list[dict[str, Any]] = []
    for part in parts:
        function = part["function"]
        if part["index"] == len(calls):
            calls.append({"id": part["id"], "type": part["type"], "function": {**function, "arguments": ""}})
        else:
            assert part.get("id") is function.get("name") is None, part
        calls[part["index"]]["function"]["arguments"] += function["arguments"]
    return calls
