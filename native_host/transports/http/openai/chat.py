"""``POST /v1/chat/completions``."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from native_host import __version__
from native_host.transports.http import choices
from native_host.transports.http.openai.chat_shapes import ChatCompletion, ChatCompletionBody
from native_host.transports.http.openai.stream_errors import ending_in_errors
from native_host.transports.http.openai.usage import usage_of
from native_host.transports.http.sampling import bad_param, options_of, refuse, seed_of, stops
from native_host.transports.http.service import Service
from native_host.transports.http.streams import sse, streamed
from native_host.transports.http.strict_route import StrictRoute
from native_host.transports.http.thinking import options_of_thoughts

FINGERPRINT = f"tabagent-{__version__}"


def routes(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.post(
        "/v1/chat/completions",
        response_model=None,
        responses={200: {"model": ChatCompletion}},
        summary="Answer a conversation.",
    )
    async def chat_completions(body: ChatCompletionBody) -> Response:
        requests = requests_of(body)
        if body.stream:
            return await streamed(ending_in_errors(_stream(service, body, requests)))
        results = await choices.results(service, "chat", requests)
        return JSONResponse(completion(results))

    return router


def requests_of(body: ChatCompletionBody) -> list[dict[str, Any]]:
    """The protocol's ``chat``, once for each answer that is wanted; each draws from a seed of its own."""
    refuse(body, "audio", "functions", "function_call")
    if set(body.modalities or ()) - {"text"}:
        raise bad_param("modalities", "answers are text here; leave it out")
    count = body.n or 1
    fields = {
        "model": body.model,
        "messages": [message.model_dump(exclude_none=True) for message in body.messages],
        "tools": [tool.model_dump(exclude_none=True) for tool in body.tools] if body.tools else None,
        "tool_choice": _dumped(body.tool_choice),
        "parallel_tool_calls": body.parallel_tool_calls,
        **options_of_thoughts(
            enable_thinking=body.enable_thinking,
            thinking=body.thinking,
            effort=body.reasoning_effort,
            template_options=body.chat_template_kwargs,
        ),
        "engine": body.engine,
        "truncate": body.truncation == "auto" or None,
    }
    options = options_of(
        body,
        max_tokens=body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens,
        stop=stops(body.stop),
        logprobs=body.logprobs,
        top_logprobs=body.top_logprobs,
    )
    seeds = [seed_of(options, it) for it in range(count)]
    given = {name: value for name, value in fields.items() if value is not None}
    return [{**given, "options": {**options, **seed}} for seed in seeds]


def completion(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The protocol's results as one answer of OpenAI's."""
    return {
        **_head("chat.completion", results[0]["model"]),
        "choices": [_choice(index, result) for index, result in enumerate(results)],
        "usage": usage_of(results),
        "timings": results[0]["timings"],
        **_cut(results[0]),
    }


async def _stream(service: Service, body: ChatCompletionBody, requests: list[dict[str, Any]]) -> AsyncGenerator[bytes]:
    wants_usage = body.stream_options is not None and body.stream_options.include_usage
    head = _head("chat.completion.chunk", body.model)
    begun: set[int] = set()
    results: list[dict[str, Any]] = []

    def chunk(
        index: int, delta: dict[str, Any], logprobs: Any = None, finish_reason: str | None = None, **more: Any
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return sse({**head, "choices": [choice], **({"usage": None} if wants_usage else {}), **more})

    async with aclosing(choices.events(service, "chat", requests)) as events:
        async for index, event in events:
            if event["event"] == "progress":
                continue
            if index not in begun:
                begun.add(index)
                yield chunk(index, {"role": "assistant", "content": ""})
            if event["event"] == "token":
                yield chunk(index, _delta(event), _logprobs(event.get("logprobs")))
            else:
                results.append(event["result"])
                yield chunk(index, {}, finish_reason=event["result"]["finish_reason"], **_cut(event["result"]))
    if wants_usage:
        yield sse({**head, "choices": [], "usage": usage_of(results), **_cut(results[0])})
    yield sse("[DONE]")


def _head(kind: str, model: str) -> dict[str, Any]:
    name = f"chatcmpl-{uuid.uuid4().hex}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": model, "system_fingerprint": FINGERPRINT}


def _choice(index: int, result: dict[str, Any]) -> dict[str, Any]:
    calls = result["tool_calls"]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": result["text"] or (None if calls else ""),
        "refusal": None,
    }
    if result["reasoning"]:
        message["reasoning_content"] = result["reasoning"]
    if calls:
        message["tool_calls"] = calls
    logprobs = _logprobs(result["logprobs"])
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": result["finish_reason"]}


def _cut(result: dict[str, Any]) -> dict[str, int]:
    """How many messages were left out, where some were."""
    return {"truncated_messages": cut} if (cut := result.get("truncated_messages")) else {}


def _delta(event: dict[str, Any]) -> dict[str, Any]:
    pieces = {
        "content": event["text"],
        "reasoning_content": event.get("reasoning"),
        "tool_calls": event.get("tool_calls"),
    }
    return {name: piece for name, piece in pieces.items() if piece}


def _logprobs(tokens: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    return None if tokens is None else {"content": tokens, "refusal": None}


def _dumped(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(value, "model_dump") else value
