"""Messages as chat templates want them, which is not quite as clients send them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backends.contract import EngineError, Message
from backends.conversation.shape import REASONING
from native_host.protocol.errors import RemoteProtocolError
from native_host.protocol.strict_json import loads_request


def for_templates(messages: Sequence[Message], *, pictures: bool = False) -> list[dict[str, Any]]:
    """Return contents as one text each, arguments of calls as objects, ``developer`` as ``system``.

    Arguments that are not a JSON object, as strict as a request, stay text: an answer that was cut by ``max_tokens``
    returns with half of it, and one that is nested 900 times would exceed Python's recursion limit.
    Thoughts of earlier turns have each name that templates read. ``pictures``: what a user says with pictures stays in
    parts, of which ``{"type": "image"}`` stands for a picture.

    Raises:
        EngineError: ``unsupported_task`` for pictures that the model does not see.
    """
    return [_for_template(message, pictures=pictures) for message in messages]


def texts_of(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the texts that messages consist of, without calls."""
    for message in messages:
        content = message.get("content") or ""
        yield from (content,) if isinstance(content, str) else (part.get("text", "") for part in content)
        yield message.get("reasoning_content") or ""


def _for_template(message: Message, *, pictures: bool) -> dict[str, Any]:
    content = message.get("content")
    seen = pictures and message["role"] == "user" and _shows(content)
    turn = {**message, "content": _parts(content or ()) if seen else _text(content)}
    if turn["role"] == "developer":
        turn["role"] = "system"
    if message.get("tool_calls"):
        turn["tool_calls"] = [_with_object(call) for call in message["tool_calls"]]
    if reasoning := message.get("reasoning_content"):
        turn |= dict.fromkeys(REASONING, reasoning)
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


def _with_object(call: Message) -> dict[str, Any]:
    text = call["function"]["arguments"]
    try:
        arguments = loads_request(text.encode() or b"{}")
    except RemoteProtocolError:
        arguments = text
    return {**call, "function": {**call["function"], "arguments": arguments if isinstance(arguments, dict) else text}}
