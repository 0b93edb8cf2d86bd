"""Messages as chat templates want them, which is not quite as clients send them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backends.contract import EngineError, Message


def for_templates(messages: Sequence[Message], *, pictures: bool = False) -> list[dict[str, Any]]:
    """Contents as one text each, arguments of calls as objects, ``developer`` as ``system``.

    ``pictures``: what a user says with pictures stays in parts, of which ``{"type": "image"}`` stands for a picture.

    Raises:
        EngineError: ``unsupported_task`` for pictures that nobody sees; ``bad_param`` for arguments that are no JSON
            object.
    """
    return [_for_template(message, f"messages.{index}", pictures=pictures) for index, message in enumerate(messages)]


def in_parts(messages: Sequence[Message]) -> list[Message]:
    """Contents as parts, as templates of models that see want them; what a tool says stays text."""
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        if isinstance(message["content"], str) and message["role"] != "tool"
        else message
        for message in messages
    ]


def _for_template(message: Message, path: str, *, pictures: bool) -> dict[str, Any]:
    content = message.get("content")
    seen = pictures and message["role"] == "user" and _shows(content)
    turn = {**message, "content": _parts(content or ()) if seen else _text(content)}
    if turn["role"] == "developer":
        turn["role"] = "system"
    if message.get("tool_calls"):
        turn["tool_calls"] = [
            _with_object(call, f"{path}.tool_calls.{index}") for index, call in enumerate(message["tool_calls"])
        ]
    return turn


def _shows(content: str | Sequence[Message] | None) -> bool:
    return not isinstance(content, str) and any(part["type"] != "text" for part in content or ())


def _parts(content: Sequence[Message]) -> list[dict[str, Any]]:
    return [dict(part) if part["type"] == "text" else {"type": "image"} for part in content]


def _text(content: str | Sequence[Message] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if _shows(content):
        raise EngineError("unsupported_task", "Pictures are seen in what a user says, by models that see.")
    return "\n".join(part["text"] for part in content)


def _with_object(call: Message, path: str) -> dict[str, Any]:
    path = f"{path}.function.arguments"
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise EngineError("bad_param", f"{path} is no JSON object.", path=path)
    return {**call, "function": {**call["function"], "arguments": arguments}}
