"""``POST /v1/embeddings``."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.results.answers import InputUsage
from native_host.transports.http.sampling import DialectBody, bad_param, seconds
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute

MAX_INPUTS = 2048


class EmbeddingBody(DialectBody):
    """Texts. Tokens are not taken: which text they stand for depends on the model."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    engine: str | None = None
    keep_alive: float | str | None = None
    context_length: int | None = None


class Embedding(Message):
    """A text's vector: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(Message):
    """A vector for each text, in their order."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: InputUsage


def routes(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.post("/v1/embeddings", summary="Texts as vectors.")
    async def embeddings(body: EmbeddingBody) -> EmbeddingList:
        fields = load_fields(body)
        result = await service.result("embed", {**fields, "model": body.model, "input": body.input})
        vectors = result["embeddings"]
        if body.dimensions is not None and vectors and body.dimensions != len(vectors[0]):
            raise bad_param("dimensions", f"this model's vectors have {len(vectors[0])}; leave it out")
        encode = _as_base64 if body.encoding_format == "base64" else list[float]
        data = [Embedding(index=index, embedding=encode(vector)) for index, vector in enumerate(vectors)]
        return EmbeddingList(data=data, model=result["model"], usage=InputUsage(**result["usage"]))

    return router


def load_fields(body: Any) -> dict[str, Any]:
    """``engine`` and ``options`` of the protocol, from the fields of the same meaning."""
    options = {"keep_alive": seconds(body.keep_alive), "context_length": body.context_length}
    given = {name: value for name, value in options.items() if value is not None}
    return {**({"engine": body.engine} if body.engine else {}), "options": given}


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
