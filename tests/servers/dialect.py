"""What requests of OpenAI's and Ollama's dialects mean to an engine, and what its answers look like in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backends.contract import Constraint, Conversation, Delta, TokenLogprob, ToolCall, ToolCallPart
from tests.servers.fake import Body


def conversation(body: Body) -> Conversation:
    """A chat request's."""
    tools = body.get("tools") or []
    return Conversation(
        messages=[_openai_turn(message) for message in body["messages"]],
        tools=tools,
        tool_choice=body.get("tool_choice", "auto") if tools else "none",
        parallel_tool_calls=body.get("parallel_tool_calls", True),
    )


def constraint(schema: Any) -> Constraint | None:
    """An answer of this JSON schema."""
    return Constraint("json_schema", json.dumps(schema)) if schema else None


def openai_delta(delta: Delta) -> Body:
    """``delta`` of a chunk."""
    said: Body = {"content": delta.text} if delta.text else {}
    if delta.reasoning:
        said["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        said["tool_calls"] = [_call_part(part) for part in delta.tool_calls]
    return said


def openai_logprobs(delta: Delta) -> Body:
    """``logprobs`` of a choice."""
    if not delta.logprobs:
        return {}
    entries = [{**_logprob(it), "top_logprobs": [_logprob(other) for other in it.top]} for it in delta.logprobs]
    return {"logprobs": {"content": entries}}


def ollama_message(delta: Delta, calls: Sequence[ToolCall] = ()) -> Body:
    """``message`` of an event of ``/api/chat``, where calls are whole."""
    message: Body = {"role": "assistant", "content": delta.text}
    if delta.reasoning:
        message["thinking"] = delta.reasoning
    if calls:
        message["tool_calls"] = [
            {"function": {"name": call.name, "arguments": json.loads(call.arguments)}} for call in calls
        ]
    return {"message": message}


def _openai_turn(message: Body) -> Body:
    """Ollama's calls have objects for arguments, and no ids."""
    calls = [
        {"id": call.get("id", "call_0"), "type": "function", "function": _with_text(call["function"])}
        for call in message.get("tool_calls", ())
    ]
    return {**message, **({"tool_calls": calls} if calls else {})}


def _with_text(function: Body) -> Body:
    arguments = function["arguments"]
    return {**function, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}


def _call_part(part: ToolCallPart) -> Body:
    function = {"arguments": part.arguments}
    if part.id:
        return {"index": part.index, "id": part.id, "type": "function", "function": {"name": part.name, **function}}
    return {"index": part.index, "function": function}


def _logprob(it: TokenLogprob) -> Body:
    return {"token": it.text, "bytes": list(it.data), "logprob": it.logprob}
