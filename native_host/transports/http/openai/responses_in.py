"""From ``/v1/responses`` to the protocol's ``chat``."""

from __future__ import annotations

from typing import Any

from native_host.transports.http.openai.responses_shapes import (
    CallItem,
    CallOutputItem,
    InputImage,
    InputItem,
    InputMessage,
    InputPart,
    ItemReference,
    ReasoningItem,
    Refusal,
    ResponseBody,
)
from native_host.transports.http.sampling import bad_param, options_of, refuse, stops
from native_host.transports.http.thinking import options_of_thoughts

LOGPROBS = "message.output_text.logprobs"


def request_of(body: ResponseBody) -> dict[str, Any]:
    """The fields of ``chat``.

    Raises:
        Failure: it refers to what is kept elsewhere; nothing is kept here.
    """
    refuse(body, "previous_response_id", "conversation", "background")
    options = options_of(
        body,
        max_tokens=body.max_output_tokens,
        stop=stops(body.stop),
        response_format=_format(body),
        logprobs=(LOGPROBS in (body.include or [])) or body.top_logprobs is not None or None,
        top_logprobs=body.top_logprobs,
    )
    effort = body.reasoning.effort if body.reasoning else None
    fields = {
        "model": body.model,
        "messages": messages_of(body),
        "tools": [_tool(tool.model_dump(exclude_none=True)) for tool in body.tools] if body.tools else None,
        "tool_choice": body.model_dump(include={"tool_choice"})["tool_choice"],
        "parallel_tool_calls": body.parallel_tool_calls,
        **options_of_thoughts(effort=effort, template_options=body.chat_template_kwargs),
        "engine": body.engine,
        "truncate": body.truncation == "auto" or None,
        "options": options,
    }
    return {name: value for name, value in fields.items() if value is not None}


def messages_of(body: ResponseBody) -> list[dict[str, Any]]:
    """Return instructions and items as messages; calls in a row are those of one turn, with the thoughts before it."""
    messages: list[dict[str, Any]] = []
    thoughts: list[str] = []
    if body.instructions:
        messages.append({"role": "system", "content": body.instructions})
    items: list[InputItem] = (
        [InputMessage(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    )
    for index, item in enumerate(items):
        if isinstance(item, ReasoningItem):
            thoughts += [part.text for part in item.content or item.summary or ()]
            continue
        if isinstance(item, InputMessage):
            messages.append({"role": item.role, "content": _content(item.content)})
        elif isinstance(item, CallItem):
            call = {"id": item.call_id, "function": {"name": item.name, "arguments": item.arguments}}
            if messages and messages[-1]["role"] == "assistant":
                messages[-1].setdefault("tool_calls", []).append(call)
            else:
                messages.append({"role": "assistant", "tool_calls": [call]})
        elif isinstance(item, CallOutputItem):
            output = {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output)}
            messages.append(output)
        elif isinstance(item, ItemReference):
            raise bad_param(f"input.{index}", "is not kept here; send the items themselves, with store: false")
        _think(messages[-1], thoughts)
        thoughts = []
    return messages


def _think(message: dict[str, Any], thoughts: list[str]) -> None:
    """Give an assistant's message what it thought first."""
    if thoughts and message["role"] == "assistant":
        before = [message["reasoning_content"]] if "reasoning_content" in message else []
        message["reasoning_content"] = "\n\n".join([*before, *thoughts])


def _content(content: str | list[InputPart]) -> str | list[dict[str, Any]]:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: InputPart) -> dict[str, Any]:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    return {"type": "text", "text": part.refusal if isinstance(part, Refusal) else part.text}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _format(body: ResponseBody) -> dict[str, Any] | None:
    form = body.text.format if body.text else None
    if form is None:
        return None
    if form.type != "json_schema":
        return {"type": form.type}
    schema = form.model_dump(by_alias=True, exclude_none=True, exclude={"type"})
    return {"type": "json_schema", "json_schema": schema}
