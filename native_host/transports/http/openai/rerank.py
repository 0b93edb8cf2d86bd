"""``POST /v1/rerank``: the shape that Cohere, Jina and vLLM share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.results.answers import InputUsage
from native_host.transports.http.openai.embeddings import MAX_INPUTS, load_fields
from native_host.transports.http.sampling import DialectBody
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute


class Document(Message):
    """A document."""

    text: str


class RerankBody(DialectBody):
    """A query, and what may answer it."""

    model: str
    query: str
    documents: Annotated[list[str | Document], Field(min_length=1, max_length=MAX_INPUTS)]
    top_n: int | None = None
    return_documents: bool | None = None
    engine: str | None = None
    keep_alive: float | str | None = None
    context_length: int | None = None


class Ranked(Message):
    """A document's place in the request, and how well it answers (0 to 1)."""

    index: int
    relevance_score: float
    document: Document | None = None


class RerankList(Message):
    """The best first."""

    model: str
    results: list[Ranked]
    usage: InputUsage


def routes(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.post("/v1/rerank", response_model_exclude_none=True, summary="Order documents by how well they answer.")
    async def rerank(body: RerankBody) -> RerankList:
        texts = [it if isinstance(it, str) else it.text for it in body.documents]
        fields = {"model": body.model, "query": body.query, "documents": texts, **load_fields(body)}
        if body.top_n is not None:
            fields["top_n"] = body.top_n
        found = await service.result("rerank", fields)
        ranked = [
            Ranked(**it, document=Document(text=texts[it["index"]]) if body.return_documents else None)
            for it in found["results"]
        ]
        return RerankList(model=found["model"], results=ranked, usage=InputUsage(**found["usage"]))

    return router
