"""``POST /api/pull``: a download, with its progress as lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from native_host.protocol.errors import TabAgentError
from native_host.transports.http.failures import Failure
from native_host.transports.http.failures import body as failure_body
from native_host.transports.http.ollama.models import named
from native_host.transports.http.ollama.shapes import NamedBody
from native_host.transports.http.service import Service
from native_host.transports.http.streams import NDJSON, line, streamed
from native_host.transports.http.strict_route import StrictRoute


def routes(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["Ollama"], route_class=StrictRoute)

    @router.post("/api/pull", response_model=None, summary="Download a model.")
    async def pull(body: NamedBody) -> Response:
        model = named(body)
        if await _is_here(service, model):
            return JSONResponse({"status": "success"})
        if body.stream is not False:
            return await streamed(_stream(service, model), NDJSON)
        await service.result("pull_model", {"model": model})
        return JSONResponse({"status": "success"})

    return router


async def _is_here(service: Service, model: str) -> bool:
    """Return True for a file of this machine that did not come from the hub. Servers pull their models themselves."""
    same = [it for it in (await service.result("list_models"))["models"] if it["name"] == model]
    return any(it["source"] != "hub" and PurePath(it["path"]).is_absolute() for it in same)


async def _stream(service: Service, model: str) -> AsyncGenerator[bytes]:
    begun = False
    try:
        async with service.request("pull_model", {"model": model}) as events:
            async for event in events:
                if event["event"] == "progress":
                    begun = True
                    yield line(_progress(event))
        yield line({"status": "success"})
    except TabAgentError as error:
        if not begun:
            raise
        yield line(failure_body(Failure.of(error), "/api/"))


def _progress(event: dict[str, Any]) -> dict[str, Any]:
    """``digest`` names the file: clients show a bar for each."""
    if event.get("file"):
        file, total, done = event["file"], event["file_total"], event["file_done"]
        return {"status": f"pulling {file}", "digest": file, "total": total or 0, "completed": done or 0}
    return {"status": event["stage"], "total": event["total"], "completed": event["done"]}
