"""``POST /api/embed``, and the older ``/api/embeddings``."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from native_host.transports.http.ollama.names import kept_s, name_of
from native_host.transports.http.ollama.shapes import EmbedBody, EmbeddingsBody
from native_host.transports.http.sampling import bad_param
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute


def routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Ollama"], route_class=StrictRoute)

    @router.post("/api/embed", summary="Texts as vectors.")
    async def embed(body: EmbedBody) -> dict[str, Any]:
        begun = time.monotonic_ns()
        if not body.input:
            await service.result("load_model", _model(body))
            return {"model": body.model, "embeddings": []}
        result = await service.result("embed", {**_model(body), "input": body.input})
        vectors = result["embeddings"]
        if body.dimensions and vectors and body.dimensions != len(vectors[0]):
            raise bad_param("dimensions", f"this model's vectors have {len(vectors[0])}; leave it out")
        return {
            "model": body.model,
            "embeddings": vectors,
            "total_duration": time.monotonic_ns() - begun,
            "load_duration": 0,
            "prompt_eval_count": result["usage"]["prompt_tokens"],
        }

    @router.post("/api/embeddings", summary="A text as a vector.")
    async def embeddings(body: EmbeddingsBody) -> dict[str, Any]:
        result = await service.result("embed", {**_model(body), "input": body.prompt})
        return {"embedding": result["embeddings"][0]}

    return router


def _model(body: EmbedBody | EmbeddingsBody) -> dict[str, Any]:
    options = {
        "keep_alive": kept_s(body.keep_alive),
        "context_length": body.options.num_ctx if body.options else None,
    }
    kept = {name: value for name, value in options.items() if value is not None}
    return {"model": name_of(body.model), "options": kept}
