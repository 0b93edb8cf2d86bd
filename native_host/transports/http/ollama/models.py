"""``/api/tags``, ``/api/ps``, ``/api/show``, ``/api/version``, ``/api/delete``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from native_host import __version__
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.transports.http.ollama.names import name_of
from native_host.transports.http.ollama.shapes import NamedBody
from native_host.transports.http.sampling import bad_param
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute

_EPOCH = "1970-01-01T00:00:00Z"
_FOR_EVER = timedelta(days=36500)


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Ollama"], route_class=StrictRoute)

    @router.get("/", response_class=PlainTextResponse, summary="Whether it runs, as Ollama's clients ask.")
    async def running() -> str:
        return "Ollama is running"

    @router.get("/api/version", summary="Our version.")
    async def version() -> dict[str, str]:
        return {"version": __version__}

    @router.get("/api/tags", summary="The models.")
    async def tags() -> dict[str, Any]:
        return {"models": [_entry(it) for it in (await service.result("list_models"))["models"]]}

    @router.get("/api/ps", summary="The models that are loaded.")
    async def ps() -> dict[str, Any]:
        entries = {it["name"]: _entry(it) for it in (await service.result("list_models"))["models"]}
        loaded = [it for it in (await service.result("status"))["models"] if it["state"] == "ready"]
        return {"models": [{**entries.get(it["model"], {"name": it["model"]}), **_running(it)} for it in loaded]}

    @router.post("/api/show", summary="What a model is.")
    async def show(body: NamedBody) -> dict[str, Any]:
        name = named(body)
        try:
            model = await service.result("detect_model", {"model": name})
        except TabAgentError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            raise TabAgentError(error.code, f"There is no model {name[:200]!r}.", model=name[:200]) from error
        return _shown(model, (await service.result("hello"))["engines"])

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
    details = _details(model["format"], None, model["quantisation"], None)
    names = {"name": model["name"], "model": model["name"]}
    return {**names, "modified_at": _EPOCH, "size": model["size_bytes"], "digest": identity, "details": details}


def _running(model: dict[str, Any]) -> dict[str, Any]:
    left = timedelta(seconds=model["expires_in_s"]) if model["expires_in_s"] is not None else _FOR_EVER
    return {
        "expires_at": (datetime.now(UTC) + left).isoformat().replace("+00:00", "Z"),
        "size": model["memory_bytes"] or 0,
        "size_vram": 0,
        "context_length": model["context_length"] or 0,
    }


def _shown(model: dict[str, Any], engines: list[dict[str, Any]]) -> dict[str, Any]:
    architecture = model["architecture"] or "unknown"
    told = {
        "general.architecture": architecture,
        "general.parameter_count": model["parameters"],
        f"{architecture}.context_length": model["context_length"],
    }
    return {
        "license": model["license"] or "",
        "modelfile": "",
        "parameters": "",
        "template": model["chat_template"] if isinstance(model["chat_template"], str) else "",
        "modified_at": _EPOCH,
        "details": _details(model["model_type"], architecture, model["quantisation"], model["parameters"]),
        "model_info": {name: value for name, value in told.items() if value is not None},
        "capabilities": _capabilities(model, engines),
    }


def _capabilities(model: dict[str, Any], engines: list[dict[str, Any]]) -> list[str]:
    """In Ollama's words: of the model, and of the engine that comes first for it. Who thinks is known nowhere."""
    if model["task"] in ("feature-extraction", "sentence-similarity"):
        return ["embedding"]
    first = {place["engine"] for place in (model["backend"] or {}).values()}
    able = {capability for it in engines if it["name"] in first for capability in it["capabilities"]}
    told = {"tools": model["chat_template"] and "tools" in able, "vision": model["task"] == "image-text-to-text"}
    return ["completion", *(name for name, has in told.items() if has)]


def _details(form: str, family: str | None, quantisation: str | None, parameters: int | None) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": form,
        "family": family or "",
        "families": [family] if family else None,
        "parameter_size": f"{parameters / 1e9:.2f}B" if parameters else "",
        "quantization_level": quantisation or "",
    }
