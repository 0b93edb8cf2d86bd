"""``POST /v1/completions``: a prompt is continued; the older of the two routes, without a conversation."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from native_host.protocol.messages.base import Message
from native_host.transports.http import choices
from native_host.transports.http.openai.chat_shapes import MAX_CHOICES, CompletionUsage, StreamOptions
from native_host.transports.http.openai.stream_errors import ending_in_errors
from native_host.transports.http.openai.usage import usage_of
from native_host.transports.http.sampling import Sampling, bad_param, options_of, refuse, seed_of, stops
from native_host.transports.http.service import Service
from native_host.transports.http.streams import sse, streamed
from native_host.transports.http.strict_route import StrictRoute


class CompletionBody(Sampling):
    """A prompt, or several."""

    model: str
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=64)]
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    echo: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    best_of: int | None = None
    suffix: str | None = None


class CompletionChoice(Message):
    """One continuation."""

    index: int
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length"]


class Completion(Message):
    """The continuations: those of the first prompt, then those of the next."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage


def routes(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.post(
        "/v1/completions", response_model=None, responses={200: {"model": Completion}}, summary="Continue a prompt."
    )
    async def completions(body: CompletionBody) -> Response:
        requests = _requests(body)
        if body.stream:
            return await streamed(ending_in_errors(_stream(service, body, requests)))
        results = await choices.results(service, "generate", requests)
        prompts = len(requests) // (body.n or 1)
        written = [
            _choice(index, (requests[index]["prompt"] if body.echo else "") + result["text"], result)
            for index, result in enumerate(results)
        ]
        return JSONResponse({**_head(results[0]["model"]), "choices": written, "usage": usage_of(results, prompts)})

    return router


def _requests(body: CompletionBody) -> list[dict[str, Any]]:
    refuse(body, "suffix")
    if body.best_of not in (None, 1, body.n):
        raise bad_param("best_of", "every answer that is made is returned: leave it out, or set it to n")
    if body.echo and body.logprobs is not None:
        raise bad_param("echo", "has no probabilities here; ask for one of the two")
    options = options_of(
        body,
        max_tokens=body.max_tokens,
        stop=stops(body.stop),
        logprobs=body.logprobs is not None or None,
        top_logprobs=body.logprobs,
    )
    named = {"model": body.model, **({"engine": body.engine} if body.engine else {})}
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    return [
        {**named, "prompt": prompt, "options": {**options, **seed_of(options, it)}}
        for prompt in prompts
        for it in range(body.n or 1)
    ]


async def _stream(service: Service, body: CompletionBody, requests: list[dict[str, Any]]) -> AsyncGenerator[bytes]:
    head = _head(body.model)
    results: list[dict[str, Any]] = []
    echoed: set[int] = set()
    async with aclosing(choices.events(service, "generate", requests)) as events:
        async for index, event in events:
            if event["event"] == "progress":
                continue
            if body.echo and index not in echoed:
                echoed.add(index)
                yield sse({**head, "choices": [_choice(index, requests[index]["prompt"], {})]})
            if event["event"] == "token":
                yield sse({**head, "choices": [_choice(index, event["text"], event)]})
            else:
                results.append(event["result"])
                yield sse({**head, "choices": [_choice(index, "", {**event["result"], "logprobs": None})]})
    if body.stream_options is not None and body.stream_options.include_usage:
        yield sse({**head, "choices": [], "usage": usage_of(results, len(requests) // (body.n or 1))})
    yield sse("[DONE]")


def _head(model: str) -> dict[str, Any]:
    name = f"cmpl-{uuid.uuid4().hex}"
    return {"id": name, "object": "text_completion", "created": int(time.time()), "model": model}


def _choice(index: int, text: str, part: dict[str, Any]) -> dict[str, Any]:
    logprobs = part.get("logprobs")
    return {
        "index": index,
        "text": text,
        "logprobs": None if logprobs is None else _by_column(logprobs),
        "finish_reason": part.get("finish_reason"),
    }


def _by_column(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    """As this route has them: a list per property."""
    offsets, end = [], 0
    for token in tokens:
        offsets.append(end)
        end += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [{top["token"]: top["logprob"] for top in token["top_logprobs"]} for token in tokens],
        "text_offset": offsets,
    }
