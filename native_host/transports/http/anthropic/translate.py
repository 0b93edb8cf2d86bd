"""From ``/v1/messages`` to the protocol's ``chat``, and from its answer to blocks."""

from __future__ import annotations

from typing import Any

from native_host.transports.http.anthropic.shapes import (
    Block,
    ImageBlock,
    MessagesBody,
    SystemTurn,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
)
from native_host.transports.http.arguments import arguments_of, text_of
from native_host.transports.http.sampling import bad_param, options_of, stops
from native_host.transports.http.thinking import options_of_thoughts

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def request_of(body: MessagesBody) -> dict[str, Any]:
    """The fields of ``chat``."""
    form = body.output_format or (body.output_config and body.output_config.format)
    schema = {"type": "json_schema", "json_schema": {"schema": form.schema_}} if form else None
    fields: dict[str, Any] = {
        "model": body.model,
        "messages": messages_of(body),
        "engine": body.engine,
        **options_of_thoughts(thinking=body.thinking, effort=body.output_config.effort if body.output_config else None),
        "options": options_of(
            body, max_tokens=body.max_tokens, stop=stops(body.stop_sequences), response_format=schema
        ),
    }
    if body.tools:
        fields["tools"] = [_tool(tool.model_dump(exclude_none=True)) for tool in body.tools]
    fields |= _choice(body)
    return {name: value for name, value in fields.items() if value is not None}


def messages_of(body: MessagesBody) -> list[dict[str, Any]]:
    """The turns as messages: results of tools are messages of their own, before the rest of their turn."""
    messages: list[dict[str, Any]] = []
    if body.system:
        messages.append(_system(body.system))
    for turn in body.messages:
        messages += [_system(turn.content)] if isinstance(turn, SystemTurn) else _of_turn(turn)
    return messages


def blocks_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """An answer's blocks."""
    blocks: list[dict[str, Any]] = []
    if result["reasoning"]:
        blocks.append({"type": "thinking", "thinking": result["reasoning"], "signature": ""})
    if result["text"] or not result["tool_calls"]:
        blocks.append({"type": "text", "text": result["text"]})
    return blocks + [{**tool_use(call), "input": arguments_of(call)} for call in result["tool_calls"]]


def tool_use(call: dict[str, Any]) -> dict[str, Any]:
    """A call's block, before its arguments."""
    return {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": {}}


def stop_of(result: dict[str, Any]) -> dict[str, Any]:
    """Why it ended."""
    sequence = result["stop_sequence"] if result["finish_reason"] == "stop" else None
    return {
        "stop_reason": "stop_sequence" if sequence else _STOP_REASONS[result["finish_reason"]],
        "stop_sequence": sequence,
    }


def usage_of(result: dict[str, Any]) -> dict[str, int]:
    """Tokens: those of the prompt that were in the cache are counted apart."""
    usage = result["usage"]
    return {
        "input_tokens": usage["prompt_tokens"] - usage["cached_tokens"],
        "cache_read_input_tokens": usage["cached_tokens"],
        "cache_creation_input_tokens": 0,
        "output_tokens": usage["completion_tokens"],
    }


def _system(content: str | list[TextBlock]) -> dict[str, Any]:
    text = content if isinstance(content, str) else "\n\n".join(block.text for block in content)
    return {"role": "system", "content": text}


def _of_turn(turn: Turn) -> list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    results = [
        {"role": "tool", "tool_call_id": block.tool_use_id, "content": _result(block)}
        for block in turn.content
        if isinstance(block, ToolResultBlock)
    ]
    message: dict[str, Any] = {"role": turn.role}
    if parts := _parts(turn.content):
        message["content"] = parts
    thoughts = [block.thinking for block in turn.content if isinstance(block, ThinkingBlock) and block.thinking]
    if thoughts and turn.role == "assistant":
        message["reasoning_content"] = "\n\n".join(thoughts)
    if calls := [_call(block) for block in turn.content if isinstance(block, ToolUseBlock)]:
        message["tool_calls"] = calls
    if len(message) == 1 and results:
        return results
    if not message.keys() & {"content", "tool_calls"}:
        message["content"] = ""
    return [*results, message]


def _result(block: ToolResultBlock) -> str | list[dict[str, Any]]:
    content = _parts(block.content or "")
    if not block.is_error:
        return content
    return f"Error: {content}" if isinstance(content, str) else [{"type": "text", "text": "Error:"}, *content]


def _parts(content: str | list[Any]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_part(block) for block in content if isinstance(block, TextBlock | ImageBlock)]


def _part(block: Block) -> dict[str, Any]:
    if isinstance(block, ImageBlock):
        url = f"data:{block.source.media_type};base64,{block.source.data}"
        return {"type": "image_url", "image_url": {"url": url}}
    assert isinstance(block, TextBlock)
    return {"type": "text", "text": block.text}


def _call(block: ToolUseBlock) -> dict[str, Any]:
    arguments = text_of(block.input)
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    return {"type": "function", "function": {**function, "description": tool.get("description", "")}}


def _choice(body: MessagesBody) -> dict[str, Any]:
    choice = body.tool_choice
    if choice is None:
        return {}
    if choice.type == "tool" and not choice.name:
        raise bad_param("tool_choice.name", "is missing")
    chosen = choice.model_dump(exclude_none=True, exclude={"disable_parallel_tool_use"})
    return {"tool_choice": chosen, "parallel_tool_calls": not choice.disable_parallel_tool_use}
