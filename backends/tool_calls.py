"""Calls of tools, whole and in the parts that they come in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from backends.contract import ToolCall, ToolCallPart


def new_call_id() -> str:
    """Return the id of a call to which nobody gave one."""
    return f"call_{secrets.token_hex(12)}"


def only_part(index: int, call: ToolCall) -> ToolCallPart:
    """Return the part of a call that comes at once."""
    return ToolCallPart(index, call.arguments, call.id, call.name)


def whole_calls(parts: Iterable[ToolCallPart]) -> tuple[ToolCall, ...]:
    """Return the calls of an answer, of all of whose parts ``parts`` are.

    Raises:
        KeyError: a part goes on with a call that no part has begun.
    """
    begun: dict[int, ToolCallPart] = {}
    arguments: dict[int, list[str]] = {}
    for part in parts:
        if part.id:
            begun[part.index], arguments[part.index] = part, []
        arguments[part.index].append(part.arguments)
    return tuple(ToolCall(part.id, part.name, "".join(arguments[index])) for index, part in begun.items())
