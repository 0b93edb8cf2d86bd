"""What a chunk of an OpenAI-compatible stream adds to an answer.

<https://platform.openai.com/docs/api-reference/chat-streaming>
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from backends.contract import TokenLogprob, ToolCallPart
from backends.http.fields import number
from backends.text.stream import Piece
from backends.tool_calls import new_call_id

_THOUGHTS = ("reasoning_content", "reasoning")
"""What llama-server, vLLM and LM Studio call them, and OpenRouter."""


_CERTAIN = 1e-3
"""Rounding makes some servers surer than sure."""


@dataclass(slots=True)
class _Call:
    """A call as a server tells it. ``index``: its place among those of the answer, once its name has come."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    index: int | None = None


class CallParts:
    """Calls that come in parts, by their ``index``."""

    def __init__(self) -> None:
        self._at: dict[int, _Call] = {}
        """The call that the next part of an index belongs to."""
        self._begun: list[_Call] = []

    def add(self, found: Any) -> tuple[ToolCallPart, ...]:
        """Take a delta's ``tool_calls``, and return what the answer grows by. A call begins with its name."""
        entries = [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
        parts = (self._add(position, entry) for position, entry in enumerate(entries))
        return tuple(part for part in parts if part is not None)

    def finish(self) -> tuple[ToolCallPart, ...]:
        """Return the rest: arguments of calls that have none."""
        bare = [index for index, call in enumerate(self._begun) if not call.arguments]
        return tuple(ToolCallPart(index, "{}") for index in bare)

    @property
    def has_calls(self) -> bool:
        """True once a call has begun."""
        return bool(self._begun)

    def _add(self, position: int, entry: Mapping[str, Any]) -> ToolCallPart | None:
        function = entry.get("function")
        told = {"id": entry.get("id"), **(function if isinstance(function, dict) else {})}
        new_id, name, arguments = (_text(told.get(field)) for field in ("id", "name", "arguments"))
        index = entry.get("index")
        call = self._call(index if isinstance(index, int) else position, new_id)
        call.id = call.id or new_id
        call.name = call.name or name
        call.arguments += arguments
        if call.index is not None:
            return ToolCallPart(call.index, arguments) if arguments else None
        if not call.name:
            return None
        call.index = len(self._begun)
        self._begun.append(call)
        return ToolCallPart(call.index, call.arguments, call.id or new_call_id(), call.name)

    def _call(self, index: int, new_id: str) -> _Call:
        """Return the one that goes on at ``index``; one with an id of its own begins there."""
        call = self._at.get(index)
        if call is None or (new_id and call.id and new_id != call.id):
            call = self._at[index] = _Call()
        return call


def piece_of(choice: Mapping[str, Any], calls: CallParts) -> Piece | None:
    """What a choice of a chunk adds; None where that is nothing."""
    logprobs = tuple(_logprobs(choice.get("logprobs")))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        text = choice.get("text")
        if not isinstance(text, str) or not text:
            return None
        return Piece(text, logprobs=logprobs or tuple(_by_column(choice.get("logprobs"))))
    content = delta.get("content")
    text = content if isinstance(content, str) else ""
    thought = next((delta[name] for name in _THOUGHTS if isinstance(delta.get(name), str)), "")
    called = calls.add(delta.get("tool_calls"))
    if not (text or thought or called or logprobs):
        return None
    return Piece(text, logprobs=logprobs, reasoning=thought, tool_calls=called)


def _logprobs(found: Any) -> Iterator[TokenLogprob]:
    content = found.get("content") if isinstance(found, dict) else None
    for entry in content if isinstance(content, list) else ():
        it = _logprob(entry)
        if it is not None:
            yield it


def _by_column(found: Any) -> Iterator[TokenLogprob]:
    """As ``/completions`` has them: a list per property, and the likeliest as an object."""
    if not isinstance(found, dict):
        return
    columns = [found.get(name) or [] for name in ("tokens", "token_logprobs", "top_logprobs")]
    if not all(isinstance(column, list) for column in columns):
        return
    for token, logprob, top in zip_longest(*columns):
        others = top.items() if isinstance(top, dict) else ()
        entry = {"token": token, "logprob": logprob}
        likeliest = sorted(({"token": it, "logprob": value} for it, value in others), key=_likelihood, reverse=True)
        if (it := _logprob({**entry, "top_logprobs": likeliest})) is not None:
            yield it


def _likelihood(entry: Mapping[str, Any]) -> float:
    value = number(entry["logprob"])
    return -math.inf if value is None else value


def _logprob(entry: Any) -> TokenLogprob | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    value, data, top = number(entry.get("logprob")), entry.get("bytes"), entry.get("top_logprobs")
    if value is None or value > _CERTAIN:
        return None
    return TokenLogprob(
        entry["token"],
        bytes(data) if data is not None and _are_bytes(data) else entry["token"].encode(errors="replace"),
        value,
        tuple(it for other in (top if isinstance(top, list) else ()) if (it := _logprob(other)) is not None),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _are_bytes(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(it, int) and 0 <= it < 256 for it in data)
