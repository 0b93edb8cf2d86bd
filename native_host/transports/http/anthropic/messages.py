"""``POST /v1/messages`` and ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from native_host.protocol.errors import TabAgentError
from native_host.transports.http.anthropic.shapes import Answer, CountTokensBody, MessagesBody, TokenCount
from native_host.transports.http.anthropic.translate import blocks_of, request_of, stop_of, tool_use, usage_of
from native_host.transports.http.failures import Failure
from native_host.transports.http.failures import body as failure_body
from native_host.transports.http.prompt_only import prompt_tokens
from native_host.transports.http.service import Service
from native_host.transports.http.streams import sse, streamed
from native_host.transports.http.strict_route import StrictRoute

PATH = "/v1/messages"


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Anthropic"], route_class=StrictRoute)

    @router.post(PATH, response_model=None, responses={200: {"model": Answer}}, summary="Answer a conversation.")
    async def messages(body: MessagesBody) -> Response:
        request = request_of(body)
        if body.stream:
            return await streamed(_stream(service, body.model, request))
        result = await service.result("chat", request)
        ended = {"content": blocks_of(result), **stop_of(result), "usage": usage_of(result)}
        return JSONResponse({**_head(result["model"]), **ended})

    @router.post(
        f"{PATH}/count_tokens",
        response_model=None,
        responses={200: {"model": TokenCount}},
        summary="Count the tokens of a conversation's prompt.",
    )
    async def count_tokens(body: CountTokensBody) -> Response:
        asked = MessagesBody.model_construct(**dict(body), max_tokens=0)
        return JSONResponse({"input_tokens": await prompt_tokens(service, request_of(asked))})

    return router


def _head(model: str) -> dict[str, Any]:
    return {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": model}


async def _stream(service: Service, model: str, request: dict[str, Any]) -> AsyncGenerator[bytes]:
    blocks: _Blocks | None = None
    try:
        async with service.request("chat", request) as events:
            async for event in events:
                if event["event"] == "progress":
                    continue
                if blocks is None:
                    blocks = _Blocks()
                    yield _start(model, _prompt_tokens(event))
                for piece in blocks.add(event) if event["event"] == "token" else blocks.end(event["result"]):
                    yield piece
    except TabAgentError as error:
        if blocks is None:
            raise
        yield sse(failure_body(Failure.of(error), PATH), "error")


def _start(model: str, prompt_tokens: int) -> bytes:
    """Return the first event. How many tokens were in the cache shows only at the end: all count as input here."""
    empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
    usage = {"input_tokens": prompt_tokens, "output_tokens": 0}
    return _event("message_start", message={**_head(model), **empty, "usage": usage})


def _prompt_tokens(event: dict[str, Any]) -> int:
    """Return the tokens of the prompt as an answer's first event has them; 0 where its engine does not count them."""
    if event["event"] == "done":
        return int(event["result"]["usage"]["prompt_tokens"])
    return int(event.get("prompt_tokens") or 0)


class _Blocks:
    """The blocks of an answer that is being streamed: one is open at a time."""

    def __init__(self) -> None:
        self._index = -1
        self._open = ""

    def add(self, token: dict[str, Any]) -> Iterator[bytes]:
        """Events of a ``token``."""
        if thought := token.get("reasoning"):
            yield from self._begin({"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta({"type": "thinking_delta", "thinking": thought})
        if token["text"]:
            yield from self._begin({"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": token["text"]})
        for part in token.get("tool_calls") or []:
            if "id" in part:
                yield from self._close()
                yield from self._begin(tool_use(part))
            if arguments := part["function"]["arguments"]:
                yield self._delta({"type": "input_json_delta", "partial_json": arguments})

    def end(self, result: dict[str, Any]) -> Iterator[bytes]:
        """The last events."""
        if self._index < 0:
            yield from self._begin({"type": "text", "text": ""})
        yield from self._close()
        yield _event("message_delta", delta=stop_of(result), usage=usage_of(result))
        yield _event("message_stop")

    def _begin(self, block: dict[str, Any]) -> Iterator[bytes]:
        if self._open == block["type"]:
            return
        yield from self._close()
        self._index += 1
        self._open = block["type"]
        yield _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> Iterator[bytes]:
        if self._open:
            self._open = ""
            yield _event("content_block_stop", index=self._index)


def _event(kind: str, **fields: Any) -> bytes:
    return sse({"type": kind, **fields}, kind)
