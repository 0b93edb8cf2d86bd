"""Conversations that do not fit: refused, unless the client asked for the oldest turns to be left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from native_host.protocol.errors import ErrorCode, TabAgentError

Fields = dict[str, Any]
Ask = Callable[[Fields], AbstractAsyncContextManager[Any]]
ROOM_FOR_AN_ANSWER = 0.85
"""Of the context that the shortened conversation may take."""
_KEPT = ("system", "developer")


async def cut_to_fit(ask: Ask, fields: Fields) -> AsyncGenerator[dict[str, Any]]:
    """Events of a ``chat``; its result has ``truncated_messages``, how many were left out.

    Raises:
        TabAgentError: as ``ask`` does; ``context_overflow`` where the last turn alone does not fit.
    """
    messages, left_out = fields["messages"], 0
    while True:
        try:
            async with ask({**fields, "messages": messages}) as events:
                async for event in events:
                    if event["event"] == "done":
                        event["result"]["truncated_messages"] = left_out
                    yield event
            return
        except TabAgentError as error:
            shorter = _without_oldest(messages, error.details) if error.code == ErrorCode.CONTEXT_OVERFLOW else messages
            if len(shorter) == len(messages):
                raise
            left_out += len(messages) - len(shorter)
            messages = shorter


def _without_oldest(messages: list[Fields], overflow: dict[str, Any]) -> list[Fields]:
    """As many turns less as the numbers suggest, at least one. What is left begins with the user's turn."""
    fits = ROOM_FOR_AN_ANSWER * overflow.get("context_length", 0) / max(1, overflow.get("prompt_tokens", 1))
    budget = sum(map(_size, messages)) * min(fits, 1.0)
    kept = [it for it in messages if it["role"] in _KEPT]
    turns = [it for it in messages if it["role"] not in _KEPT]
    last_user = max((index for index, it in enumerate(turns) if it["role"] == "user"), default=0)
    start = 0
    while start < last_user and (start == 0 or sum(map(_size, kept + turns[start:])) > budget):
        start += 1
        while start < last_user and turns[start]["role"] != "user":
            start += 1
    return kept + turns[start:]


def _size(message: Fields) -> int:
    others = (message.get(name) or "" for name in ("tool_calls", "reasoning_content"))
    return len(str(message.get("content"))) + sum(len(str(other)) for other in others) + 8
