"""Answers as PROTOCOL.md has them: the fields of ``token`` events and of the result."""

from __future__ import annotations

from typing import Any

from backends.contract import Completion, Delta, TextStream, TokenLogprob, ToolCall, ToolCallPart
from native_host.protocol.strict_json import clean

_IMPOSSIBLE = -9999.0
"""OpenAI's logarithm of no probability at all, which JSON has no number for."""


def delta_fields(delta: Delta) -> dict[str, Any]:
    """The fields of a ``token`` event."""
    fields: dict[str, Any] = {"text": clean(delta.text)}
    if delta.reasoning:
        fields["reasoning"] = clean(delta.reasoning)
    if delta.tool_calls:
        fields["tool_calls"] = [_part(part) for part in delta.tool_calls]
    if delta.logprobs:
        fields["logprobs"] = [
            {**_logprob(it), "top_logprobs": [_logprob(other) for other in it.top]} for it in delta.logprobs
        ]
    return fields


def prompt_fields(stream: TextStream) -> dict[str, Any]:
    """Return the field of the first ``token`` event alone: how long the prompt is, where the engine has counted it."""
    total = stream.progress.total
    return {"prompt_tokens": total} if total > 0 else {}


def result_fields(completion: Completion) -> dict[str, Any]:
    """The result, but for what only the broker knows."""
    decode_s, prefill_s = completion.decode_ms / 1000, completion.prefill_ms / 1000
    evaluated = completion.prompt_tokens - completion.cached_tokens
    return {
        "text": clean(completion.text),
        "reasoning": clean(completion.reasoning),
        "tool_calls": [_call(call) for call in completion.tool_calls],
        "finish_reason": completion.finish_reason,
        "stop_sequence": None if completion.stop_sequence is None else clean(completion.stop_sequence),
        "fallback_template": completion.template or None,
        "usage": {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "total_tokens": completion.prompt_tokens + completion.completion_tokens,
            "cached_tokens": completion.cached_tokens,
        },
        "timings": {
            "queue_ms": completion.queue_ms,
            "prefill_ms": completion.prefill_ms,
            "decode_ms": completion.decode_ms,
            "time_to_first_token_ms": completion.time_to_first_token_ms,
            "prefill_tokens_per_second": evaluated / prefill_s if prefill_s > 0 else 0.0,
            "decode_tokens_per_second": (completion.completion_tokens - 1) / decode_s if decode_s > 0 else 0.0,
        },
    }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": clean(call.name), "arguments": clean(call.arguments)}
    return {"id": clean(call.id), "type": "function", "function": function}


def _part(part: ToolCallPart) -> dict[str, Any]:
    if part.id:
        return {"index": part.index, **_call(ToolCall(part.id, part.name, part.arguments))}
    return {"index": part.index, "function": {"arguments": clean(part.arguments)}}


def _logprob(it: TokenLogprob) -> dict[str, Any]:
    return {"token": clean(it.text), "logprob": max(it.logprob, _IMPOSSIBLE), "bytes": list(it.data)}
