"""``POST /api/chat`` and ``POST /api/generate``; both stream unless told not to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from native_host.protocol.errors import TabAgentError
from native_host.transports.http.failures import Failure
from native_host.transports.http.failures import body as failure_body
from native_host.transports.http.ollama.names import name_of, now
from native_host.transports.http.ollama.shapes import Answering, ChatBody, GenerateBody
from native_host.transports.http.ollama.translate import call_of, chat_of, generate_of, last_line, load_of
from native_host.transports.http.sampling import seconds
from native_host.transports.http.service import Service
from native_host.transports.http.streams import NDJSON, line, streamed
from native_host.transports.http.strict_route import StrictRoute

Piece = Callable[[dict[str, Any]], dict[str, Any]]
"""What a token event or a result has to say, in the fields of its route."""


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Ollama"], route_class=StrictRoute)

    @router.post("/api/chat", response_model=None, summary="Answer a conversation.")
    async def chat(body: ChatBody) -> Response:
        if not body.messages:
            return await _loaded(service, body, _said({"text": ""}))
        return await _answer(service, body, ("chat", chat_of(body)), _said)

    @router.post("/api/generate", response_model=None, summary="Answer or continue a prompt.")
    async def generate(body: GenerateBody) -> Response:
        if not body.prompt and not body.images:
            return await _loaded(service, body, _written({"text": ""}))
        return await _answer(service, body, generate_of(body), _written)

    return router


async def _answer(service: Service, body: Answering, request: tuple[str, dict[str, Any]], piece: Piece) -> Response:
    if body.stream is not False:
        return await streamed(_stream(service, body.model, request, piece), NDJSON)
    result = await service.result(*request)
    return JSONResponse({**last_line(body.model, result), **piece(result)})


async def _stream(
    service: Service, model: str, request: tuple[str, dict[str, Any]], piece: Piece
) -> AsyncGenerator[bytes]:
    begun = False
    head = {"model": model, "done": False}
    try:
        async with service.request(*request) as events:
            async for event in events:
                if event["event"] == "token":
                    begun = True
                    said = {name: value for name, value in event.items() if name != "tool_calls"}
                    yield line({**head, "created_at": now(), **piece(said)})
                elif event["event"] == "done":
                    result = event["result"]
                    if calls := result["tool_calls"]:  # Ollama has no parts of calls
                        yield line({**head, "created_at": now(), **piece({"text": "", "tool_calls": calls})})
                    yield line({**last_line(model, result), **piece({"text": ""})})
    except TabAgentError as error:
        if not begun:
            raise
        yield line(failure_body(Failure.of(error), "/api/"))


async def _loaded(service: Service, body: Answering, nothing: dict[str, Any]) -> Response:
    """A request without a question loads the model, or ends it where it is not to be kept."""
    unload = seconds(body.keep_alive) == 0
    if unload:
        await service.result("unload_model", {"model": name_of(body.model)})
    else:
        await service.result("load_model", load_of(body))
    reason = "unload" if unload else "load"
    return JSONResponse({"model": body.model, "created_at": now(), **nothing, "done": True, "done_reason": reason})


def _said(part: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": part["text"]}
    if part.get("reasoning"):
        message["thinking"] = part["reasoning"]
    if part.get("tool_calls"):
        message["tool_calls"] = [call_of(call) for call in part["tool_calls"]]
    return {"message": message, **_logprobs(part)}


def _written(part: dict[str, Any]) -> dict[str, Any]:
    thinking = {"thinking": part["reasoning"]} if part.get("reasoning") else {}
    return {"response": part["text"], **thinking, **_logprobs(part)}


def _logprobs(part: dict[str, Any]) -> dict[str, Any]:
    return {"logprobs": part["logprobs"]} if part.get("logprobs") else {}
