"""Messages as chat templates want them, which is not quite as clients send them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backends.contract import EngineError, Message


def for_templates(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Contents as one text each, arguments of calls as objects, ``developer`` as ``system``.

    Raises:
        EngineError: ``unsupported_task`` for pictures; ``bad_param`` for arguments that are no JSON object.
    """
    return [_for_template(message, f"messages.{index}") for index, message in enumerate(messages)]


def _for_template(message: Message, path: str) -> dict[str, Any]:
    turn = {**message, "content": _text(message.get("content"))}
    if turn["role"] == "developer":
        turn["role"] = "system"
    if message.get("tool_calls"):
        turn["tool_calls"] = [
            _with_object(call, f"{path}.tool_calls.{index}") for index, call in enumerate(message["tool_calls"])
        ]
    return turn


def _text(content: str | Sequence[Message] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if any(part["type"] != "text" for part in content):
        raise EngineError("unsupported_task", "This model reads text only; it cannot see pictures.")
    return "\n".join(part["text"] for part in content)


def _with_object(call: Message, path: str) -> dict[str, Any]:
    path = f"{path}.function.arguments"
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise EngineError("bad_param", f"{path} is no JSON object.", path=path)
    return {**call, "function": {**call["function"], "arguments": arguments}}
