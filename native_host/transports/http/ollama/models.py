"""``/api/tags``, ``/api/ps``, ``/api/show``, ``/api/version``, ``/api/delete``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from native_host import __version__
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.transports.http.ollama.names import moment, name_of
from native_host.transports.http.ollama.shapes import NamedBody
from native_host.transports.http.ollama.shown import details_of, shown
from native_host.transports.http.sampling import bad_param
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute

OLLAMA_VERSION = "0.12.6"
"""The release of Ollama whose API these routes have. Clients such as Copilot refuse older ones than 0.6.4."""
_JSON = {"Content-Type": "application/json"}
_FOR_EVER = timedelta(days=36500)


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Ollama"], route_class=StrictRoute)

    @router.get("/", response_class=PlainTextResponse, summary="Whether it runs, as Ollama's clients ask.")
    async def running() -> str:
        return "Ollama is running"

    @router.get("/api/version", summary="The version of Ollama's API, and ours.")
    async def version() -> dict[str, str]:
        return {"version": OLLAMA_VERSION, "tabagent_version": __version__}

    @router.get("/api/tags", summary="The models.")
    async def tags() -> dict[str, Any]:
        return {"models": [_entry(it) for it in (await service.result("list_models"))["models"]]}

    @router.get("/api/ps", summary="The models that are loaded.")
    async def ps() -> dict[str, Any]:
        entries = {it["name"]: _entry(it) for it in (await service.result("list_models"))["models"]}
        loaded = [it for it in (await service.result("status"))["models"] if it["state"] == "ready"]
        return {"models": [{**entries.get(it["model"], {"name": it["model"]}), **_running(it)} for it in loaded]}

    @router.post("/api/show", summary="What a model is.")
    async def show(body: NamedBody) -> Response:
        name = named(body)
        try:
            model = await service.result("detect_model", {"model": name})
        except TabAgentError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            raise TabAgentError(error.code, f"There is no model {name[:200]!r}.", model=name[:200]) from error
        engines = (await service.result("hello"))["engines"]
        answer = partial(shown, name, model, engines, all_arrays=body.verbose is True)
        return Response(await to_thread.run_sync(answer), 200, _JSON)

    @router.delete("/api/delete", summary="Remove a model from the disk.")
    async def delete(body: NamedBody) -> dict[str, str]:
        await service.result("remove_model", {"model": named(body)})
        return {"status": "success"}

    return router


def named(body: NamedBody) -> str:
    """The model that a body names.

    Raises:
        Failure: none.
    """
    model = body.model or body.name
    if not model:
        raise bad_param("model", "is missing")
    return name_of(model)


def _entry(model: dict[str, Any]) -> dict[str, Any]:
    """``digest`` tells models apart; it is not of their bytes, which nobody has read for this."""
    identity = hashlib.sha256(f"{model['name']}\0{model['path']}\0{model['size_bytes']}".encode()).hexdigest()
    details = details_of(model["format"], model["architecture"], model["quantisation"], model["parameters"])
    names = {"name": model["name"], "model": model["name"]}
    modified = moment(model["modified_at"])
    return {**names, "modified_at": modified, "size": model["size_bytes"], "digest": identity, "details": details}


def _running(model: dict[str, Any]) -> dict[str, Any]:
    left = timedelta(seconds=model["expires_in_s"]) if model["expires_in_s"] is not None else _FOR_EVER
    return {
        "expires_at": (datetime.now(UTC) + left).isoformat().replace("+00:00", "Z"),
        "size": model["memory_bytes"] or 0,
        "size_vram": 0,
        "context_length": model["context_length"] or 0,
    }
