"""Conversations as Ollama takes them, and what it answers.

<https://github.com/ollama/ollama/blob/main/docs/api.md>
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backends.contract import Conversation, Message, ToolCall
from backends.conversation.template_options import refuse_options
from backends.http.arguments import as_object
from backends.text.stream import Piece
from backends.tool_calls import new_call_id, only_part


def conversation_body(conversation: Conversation) -> dict[str, Any]:
    """``messages``, ``tools`` and ``think`` of ``/api/chat``.

    Raises:
        EngineError: ``bad_param`` for options of the chat template, which the server does not take.
    """
    names = {
        call["id"]: call["function"]["name"]
        for message in conversation.messages
        for call in message.get("tool_calls", ())
    }
    body: dict[str, Any] = {"messages": [_message(message, names) for message in conversation.messages]}
    if conversation.tools and conversation.tool_choice != "none":
        body["tools"] = [dict(tool) for tool in conversation.tools]
    refuse_options(conversation)
    effort = conversation.reasoning_effort
    if effort == "none":
        body["think"] = False
    elif effort is not None or conversation.thinking is not None:
        body["think"] = effort or conversation.thinking
    return body


def piece_of(event: Mapping[str, Any], calls_before: int) -> Piece | None:
    """What an event adds to an answer with so many calls; None where that is nothing."""
    message = event.get("message")
    said = message if isinstance(message, dict) else event
    text, thought = (_text(said.get(name)) for name in ("content" if message else "response", "thinking"))
    calls = tuple(only_part(index, call) for index, call in enumerate(_calls(said.get("tool_calls")), calls_before))
    return Piece(text, reasoning=thought, tool_calls=calls) if text or thought or calls else None


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    content = message.get("content") or ""
    parts: Sequence[Message] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    turn: dict[str, Any] = {
        "role": "system" if message["role"] == "developer" else message["role"],
        "content": "\n".join(part["text"] for part in parts if part["type"] == "text"),
    }
    pictures = [part["image_url"]["url"].partition(",")[2] for part in parts if part["type"] == "image_url"]
    if pictures:
        turn["images"] = pictures
    if message.get("reasoning_content"):
        turn["thinking"] = message["reasoning_content"]
    if message.get("tool_calls"):
        turn["tool_calls"] = [_call(call["function"]) for call in message["tool_calls"]]
    if name := names.get(message.get("tool_call_id", "")):
        turn["tool_name"] = name
    return turn


def _call(function: Mapping[str, Any]) -> dict[str, Any]:
    return {"function": {"name": function["name"], "arguments": as_object(function["arguments"])}}


def _calls(found: Any) -> Iterator[ToolCall]:
    for entry in found if isinstance(found, list) else ():
        function = entry.get("function") if isinstance(entry, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
            yield ToolCall(new_call_id(), function["name"], arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
