"""What a worker is told of a request for an answer, and what its engine must be able to do for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from backends.contract import EngineDescriptor
from native_host.core.strict_schemas import closed
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.chat import Tool
from native_host.protocol.messages.requests import ChatRequest, GenerateOptions, GenerateRequest, LoadOptions
from native_host.protocol.messages.tool_choice import ToolChoice, mode_of, named_tools

CAPABILITIES = frozenset({"grammar", "json_schema", "logprobs", "tools", "tool_choice"})
"""What a request for an answer may need of its engine."""

_NOT_SAMPLING = {*LoadOptions.model_fields, "response_format", "grammar", "logprobs", "top_logprobs"}


def sampling_fields(options: GenerateOptions) -> dict[str, Any]:
    """``Sampling`` of the engines' contract."""
    return {
        **options.model_dump(exclude=_NOT_SAMPLING),
        "constraint": _constraint(options),
        "logprobs": options.top_logprobs if options.logprobs else None,
    }


def conversation_fields(request: ChatRequest) -> dict[str, Any]:
    """``Conversation`` of the engines' contract. Tools that are named are the only ones offered; one is called once."""
    tools, choice = request.tools, request.tool_choice
    if (named := named_tools(choice)) is not None:
        tools = [tool for tool in tools if tool.function.name in named]
    return {
        "messages": [message.model_dump(exclude_none=True) for message in request.messages],
        "tools": [_tool(tool) for tool in tools],
        "tool_choice": mode_of(choice) if tools else "none",
        "parallel_tool_calls": request.parallel_tool_calls and not isinstance(choice, ToolChoice),
        "thinking": request.thinking,
        "reasoning_effort": request.reasoning_effort,
        "template_options": request.template_options,
    }


def _tool(tool: Tool) -> dict[str, Any]:
    fields = tool.model_dump(exclude_none=True)
    if tool.function.strict:
        fields["function"]["parameters"] = closed({"type": "object", **(tool.function.parameters or {})})
    return fields


def refuse_unable(engine: EngineDescriptor, request: GenerateRequest | ChatRequest) -> None:
    """Refuse what the engine cannot see to.

    Raises:
        TabAgentError: ``unsupported_task``.
    """
    for capability, cannot in _needs(request):
        if capability not in engine.capabilities:
            raise TabAgentError(
                ErrorCode.UNSUPPORTED_TASK,
                f"The engine {engine.name} cannot {cannot}.",
                engine=engine.name,
                capability=capability,
            )


def _needs(request: GenerateRequest | ChatRequest) -> Iterator[tuple[str, str]]:
    """Capabilities, and what an engine without them cannot do."""
    options = request.options
    if options.grammar is not None:
        yield "grammar", "make answers match a grammar"
    if options.response_format is not None and options.response_format.type != "text":
        yield "json_schema", "make answers match a schema"
    if options.logprobs:
        yield "logprobs", "tell the probabilities of tokens"
    if isinstance(request, ChatRequest) and request.tools and request.tool_choice != "none":
        yield "tools", "call tools"
        if mode_of(request.tool_choice) != "auto":
            yield "tool_choice", "be made to call a tool"


def _constraint(options: GenerateOptions) -> dict[str, str] | None:
    if options.grammar is not None:
        return {"kind": options.grammar.type, "value": options.grammar.value}
    form = options.response_format
    if form is None or form.type == "text":
        return None
    schema: dict[str, Any] = form.json_schema.schema_ if form.json_schema else {"type": "object"}
    if form.json_schema and form.json_schema.strict:
        schema = closed(schema)
    return {"kind": "json_schema", "value": json.dumps(schema)}
