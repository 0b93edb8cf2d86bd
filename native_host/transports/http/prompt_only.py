"""Requests with ``max_tokens`` 0: the prompt is read, which fills the cache, and nothing is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Fields = dict[str, Any]


class Asks(Protocol):
    """See ``native_host.transports.http.service.Service``."""

    async def result(self, action: str, fields: Fields | None = None) -> dict[str, Any]:
        """Return the result of a request."""


async def prompt_tokens(service: Asks, chat: Fields) -> int:
    """Return how many tokens the prompt of a ``chat`` has.

    The model reads the prompt, which is then in its cache: the template, the tools and the pictures are counted as
    for an answer.
    """
    result = await service.result("chat", {**chat, "options": {**chat["options"], "max_tokens": 0}})
    return int(result["usage"]["prompt_tokens"])


def is_prompt_only(fields: Fields) -> bool:
    """Return True if a request of the protocol asks for no token of an answer."""
    return (fields.get("options") or {}).get("max_tokens") == 0


def with_one_token(fields: Fields) -> Fields:
    """Return the same request for the shortest answer that the protocol has."""
    return {**fields, "options": {**fields["options"], "max_tokens": 1}}


async def without_answer(request: AbstractAsyncContextManager[Any]) -> AsyncGenerator[dict[str, Any]]:
    """Yield a request's events without its answer, which counts as cut by its length."""
    async with request as events:
        async for event in events:
            if event["event"] == "token":
                continue
            if event["event"] == "done":
                result = event["result"]
                result |= {"text": "", "reasoning": "", "tool_calls": [], "finish_reason": "length"}
                result["stop_sequence"] = None
                result["logprobs"] = None if result["logprobs"] is None else []
                prompt_tokens = result["usage"]["prompt_tokens"]
                result["usage"] |= {"completion_tokens": 0, "total_tokens": prompt_tokens}
            yield event
