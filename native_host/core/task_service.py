"""The use cases whose answer comes at once: embed, rerank, infer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from pydantic import JsonValue

from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.framing import MAX_FRAME_TO_HOST
from native_host.protocol.messages.requests import EmbedRequest, InferRequest, RerankRequest
from native_host.protocol.messages.results.answers import (
    EmbedResult,
    InferResult,
    InputUsage,
    RankedDocument,
    RerankResult,
)
from native_host.settings import Settings

TEXTS_AT_ONCE = 32
"""A worker hears of a cancel between two batches, and no batch is long enough to look like a stall."""

BYTES_PER_NUMBER = 22
"""Of a vector of length 1, as JSON: ``-0.01234567890123456,``."""


class TaskService:
    """Asks the model's worker, which is started when it must be."""

    def __init__(self, settings: Settings, models: ModelManager) -> None:
        self._models = models
        self._stall_s = settings.generation_stall_s

    async def embed(self, request: EmbedRequest, reply: Reply) -> EmbedResult:
        """Texts as vectors."""
        texts = [request.input] if isinstance(request.input, str) else request.input
        vectors: list[list[float]] = []
        tokens = 0
        async with self._models.use(request.model, request.engine, request.options, reply) as (model, _):
            _refuse_long_answer(len(texts), model.info["embedding_length"])
            for batch in _batches(texts):
                done = await model.ask("embed", {"texts": batch}, self._stall_s)
                vectors += done["vectors"]
                _refuse_long_answer(len(texts), len(vectors[-1]))
                tokens += done["prompt_tokens"]
        return EmbedResult(model=model.file.name, engine=model.engine.name, embeddings=vectors, usage=_usage(tokens))

    async def rerank(self, request: RerankRequest, reply: Reply) -> RerankResult:
        """Documents, the best first."""
        scores: list[float] = []
        tokens = 0
        async with self._models.use(request.model, request.engine, request.options, reply) as (model, _):
            for batch in _batches(request.documents):
                done = await model.ask("rerank", {"query": request.query, "documents": batch}, self._stall_s)
                scores += done["scores"]
                tokens += done["prompt_tokens"]
        ranked = sorted(enumerate(scores), key=lambda place: -place[1])
        results = [RankedDocument(index=index, relevance_score=score) for index, score in islice(ranked, request.top_n)]
        return RerankResult(model=model.file.name, engine=model.engine.name, results=results, usage=_usage(tokens))

    async def infer(self, request: InferRequest, reply: Reply) -> InferResult:
        """A model's own task."""
        fields: dict[str, Any] = {
            "inputs": request.inputs.model_dump(exclude_none=True),
            "parameters": request.parameters.model_dump(exclude_none=True),
        }
        async with self._models.use(request.model, request.engine, request.options, reply) as (model, _):
            assert model.worker is not None
            output: JsonValue = None
            async with model.worker.request("infer", fields, stall_s=self._stall_s, phase="infer") as events:
                async for event in events:
                    if event["event"] == "progress":
                        await reply.progress(event["stage"], event["done"], event["total"], event["unit"])
                    else:
                        output = event["result"]["output"]
        return InferResult(model=model.file.name, engine=model.engine.name, task=model.facts["task"], output=output)


def _refuse_long_answer(texts: int, width: int) -> None:
    """Refuse vectors that would exceed a message, before they are computed.

    Raises:
        TabAgentError: ``request_too_large``.
    """
    if texts * width * BYTES_PER_NUMBER > MAX_FRAME_TO_HOST:
        most = max(1, MAX_FRAME_TO_HOST // (width * BYTES_PER_NUMBER))
        raise TabAgentError(
            ErrorCode.REQUEST_TOO_LARGE,
            f"input: {texts} vectors of {width} numbers exceed the {MAX_FRAME_TO_HOST // 2**20} MiB of an answer. "
            f"Send at most {most} texts at once.",
            texts=texts,
            limit=most,
        )


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(texts), TEXTS_AT_ONCE)]


def _usage(tokens: int) -> InputUsage:
    return InputUsage(prompt_tokens=tokens, total_tokens=tokens)
