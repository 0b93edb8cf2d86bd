"""What a chunk of an OpenAI-compatible stream adds to an answer.

<https://platform.openai.com/docs/api-reference/chat-streaming>
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backends.contract import TokenLogprob, ToolCall
from backends.text.stream import Piece

_THOUGHTS = ("reasoning_content", "reasoning")
"""What llama-server, vLLM and LM Studio call them, and OpenRouter."""


class CallParts:
    """Calls that come in parts, by their ``index``."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, str]] = {}

    def add(self, found: Any) -> bool:
        """Take a delta's ``tool_calls``; whether there were any."""
        entries = [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
        for position, entry in enumerate(entries):
            index = entry.get("index")
            call = self._parts.setdefault(index if isinstance(index, int) else position, {})
            function = entry.get("function")
            told = {"id": entry.get("id"), **(function if isinstance(function, dict) else {})}
            for name in ("id", "name"):
                if isinstance(told.get(name), str) and told[name]:
                    call[name] = told[name]
            if isinstance(told.get("arguments"), str):
                call["arguments"] = call.get("arguments", "") + told["arguments"]
        return bool(entries)

    def whole(self) -> tuple[ToolCall, ...]:
        """The calls, once all parts have come."""
        calls = (call for _, call in sorted(self._parts.items()) if "name" in call)
        return tuple(
            ToolCall(call.get("id") or f"call_{secrets.token_hex(12)}", call["name"], call.get("arguments") or "{}")
            for call in calls
        )


def piece_of(choice: Mapping[str, Any], calls: CallParts) -> Piece | None:
    """What a choice of a chunk adds; None where that is nothing."""
    logprobs = tuple(_logprobs(choice.get("logprobs")))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        text = choice.get("text")
        return Piece(text, logprobs=logprobs) if isinstance(text, str) and text else None
    content = delta.get("content")
    text = content if isinstance(content, str) else ""
    thought = next((delta[name] for name in _THOUGHTS if isinstance(delta.get(name), str)), "")
    called = calls.add(delta.get("tool_calls"))
    if not (text or thought or called or logprobs):
        return None
    return Piece(text, logprobs=logprobs, reasoning=thought)


def _logprobs(found: Any) -> Iterator[TokenLogprob]:
    content = found.get("content") if isinstance(found, dict) else None
    for entry in content if isinstance(content, list) else ():
        it = _logprob(entry)
        if it is not None:
            yield it


def _logprob(entry: Any) -> TokenLogprob | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    value, data, top = entry.get("logprob"), entry.get("bytes"), entry.get("top_logprobs")
    if not isinstance(value, int | float):
        return None
    return TokenLogprob(
        entry["token"],
        bytes(data) if data is not None and _are_bytes(data) else entry["token"].encode(),
        float(value),
        tuple(it for other in (top if isinstance(top, list) else ()) if (it := _logprob(other)) is not None),
    )


def _are_bytes(data: Any) -> bool:
    return isinstance(data, Sequence) and all(isinstance(it, int) and 0 <= it < 256 for it in data)
