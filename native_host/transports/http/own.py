"""TabAgent's own routes: ``POST /tabagent/v1/ACTION`` for every action of the protocol, made from its models.

The body has the action's fields; with ``"stream": true`` the answer is its events, else its result.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, create_model, model_validator

from native_host.protocol.errors import TabAgentError
from native_host.protocol.messages.base import Message
from native_host.protocol.messages.requests import REQUESTS, GenerateOptions, RequestBase
from native_host.protocol.messages.results import RESULTS
from native_host.transports.http.fields import translated
from native_host.transports.http.service import ANSWERS, Service
from native_host.transports.http.streams import sse, streamed
from native_host.transports.http.strict_route import StrictRoute

PREFIX = "/tabagent/v1"
NOT_OVER_HTTP = {"cancel": "a client stops its request by closing the connection, and can reach no other's"}
"""Actions without a route, and why."""


class AnswerBody(Message):
    """Body of an action that writes an answer; other servers' fields are obeyed or refused, see ``fields``."""

    @model_validator(mode="before")
    @classmethod
    def _with_known_fields(cls, given: Any) -> Any:
        body = translated(given, {*cls.model_fields, "id", "action"})
        if isinstance(body, dict) and isinstance(body.get("options"), dict):
            body["options"] = translated(body["options"], GenerateOptions.model_fields)
        return body


def routes(service: Service) -> APIRouter:
    """The routes, an action each; those without a required field answer GET too."""
    router = APIRouter(prefix=PREFIX, tags=["TabAgent"], route_class=StrictRoute)
    for action, request in REQUESTS.items():
        if action in NOT_OVER_HTTP:
            continue
        shape: dict[str, Any] = {
            "response_model": None,
            "responses": {200: {"model": RESULTS[action]}},
            "summary": (request.__doc__ or "").strip().splitlines()[0],
        }
        body = _body(action, request)
        router.add_api_route(f"/{action}", _post(service, action, body), methods=["POST"], operation_id=action, **shape)
        if not any(field.is_required() for field in body.model_fields.values()):
            name = f"get_{action}"
            router.add_api_route(f"/{action}", _get(service, action), methods=["GET"], operation_id=name, **shape)
    return router


def _body(action: str, request: type[RequestBase]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in request.model_fields.items() if name not in ("id", "action")
    }
    base = AnswerBody if action in ANSWERS else Message
    return create_model(request.__name__.replace("Request", "Body"), __base__=base, stream=(bool, False), **fields)


def _post(service: Service, action: str, shape: type[BaseModel]) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def post(body: BaseModel) -> Response:
        fields = body.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"stream"})
        if getattr(body, "stream", False):
            return await streamed(_events(service, action, fields))
        return JSONResponse(await service.result(action, fields))

    post.__annotations__["body"] = shape
    return post


def _get(service: Service, action: str) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def get() -> Response:
        return JSONResponse(await service.result(action))

    return get


async def _events(service: Service, action: str, fields: dict[str, Any]) -> AsyncGenerator[bytes]:
    begun = False
    try:
        async with service.request(action, fields) as events:
            async for event in events:
                begun = True
                yield sse({name: value for name, value in event.items() if name != "id"}, event["event"])
    except TabAgentError as error:
        if not begun:
            raise
        event = error.as_event(None)
        yield sse({"event": "error", "error": event["error"]}, "error")
