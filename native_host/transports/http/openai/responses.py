"""``POST /v1/responses``, ``/v1/responses/input_tokens`` and ``/v1/responses/compact``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter
from fastapi import Response as HttpResponse
from fastapi.responses import JSONResponse

from native_host.protocol.errors import TabAgentError
from native_host.transports.http.failures import Failure
from native_host.transports.http.openai.responses_in import request_of
from native_host.transports.http.openai.responses_out import Answer
from native_host.transports.http.openai.responses_shapes import InputTokens, Response, ResponseBody
from native_host.transports.http.prompt_only import prompt_tokens
from native_host.transports.http.service import Service
from native_host.transports.http.streams import streamed
from native_host.transports.http.strict_route import StrictRoute


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.post(
        "/v1/responses", response_model=None, responses={200: {"model": Response}}, summary="Answer a conversation."
    )
    async def responses(body: ResponseBody) -> HttpResponse:
        request = request_of(body)
        if body.stream:
            return await streamed(_stream(service, body, request))
        return JSONResponse(Answer(body).whole(await service.result("chat", request)))

    @router.post(
        "/v1/responses/input_tokens",
        response_model=None,
        responses={200: {"model": InputTokens}},
        summary="Count the tokens of a conversation's prompt.",
    )
    async def input_tokens(body: ResponseBody) -> HttpResponse:
        counted = await prompt_tokens(service, request_of(body))
        return JSONResponse({"object": "response.input_tokens", "input_tokens": counted})

    @router.post("/v1/responses/compact", response_model=None, summary="Refused: no model compacts conversations.")
    async def compact() -> HttpResponse:
        raise Failure(
            400,
            "unsupported_operation",
            'Conversations cannot be compacted here. Send a shorter input, or truncation: "auto" to /v1/responses.',
        )

    return router


async def _stream(service: Service, body: ResponseBody, request: dict[str, Any]) -> AsyncGenerator[bytes]:
    answer, begun = Answer(body), False
    try:
        async with service.request("chat", request) as events:
            async for event in events:
                if event["event"] == "progress":
                    continue
                if not begun:
                    begun = True
                    for piece in answer.begin():
                        yield piece
                for piece in answer.add(event) if event["event"] == "token" else answer.end(event["result"]):
                    yield piece
    except TabAgentError as error:
        if not begun:
            raise
        for piece in answer.fail({"code": error.code.value, "message": error.message}):
            yield piece
