"""The use cases that run a model: generate, chat, tokenize."""

from __future__ import annotations

import json
import time
from typing import Any

from native_host.core.loaded_model import LoadedModel
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import (
    ChatRequest,
    GenerateOptions,
    GenerateRequest,
    LoadOptions,
    TokenizeRequest,
)
from native_host.protocol.messages.results import GenerateResult, TokenizeResult
from native_host.settings import Settings

STRUCTURED = "structured_output"
"""The capability of engines whose answers can be made to match a schema or grammar."""
_LOAD_FIELDS = set(LoadOptions.model_fields)


class InferenceService:
    """Answers by way of the model's worker, which is started when it must be."""

    def __init__(self, settings: Settings, models: ModelManager) -> None:
        self._settings = settings
        self._models = models

    async def generate(self, request: GenerateRequest, reply: Reply) -> GenerateResult:
        """Continue a prompt."""
        return await self._answer(request, {"prompt": request.prompt}, reply)

    async def chat(self, request: ChatRequest, reply: Reply) -> GenerateResult:
        """Answer a conversation."""
        messages = [message.model_dump() for message in request.messages]
        return await self._answer(request, {"messages": messages}, reply)

    async def tokenize(self, request: TokenizeRequest, reply: Reply) -> TokenizeResult:
        """Text as tokens."""
        async with self._models.use(request.model, request.engine, request.options, reply) as model:
            fields = {"text": request.text, "special": request.special, "add_special": request.add_special}
            done = await model.ask("tokenize", fields, self._settings.generation_stall_s)
        return TokenizeResult.model_validate(done)

    async def _answer(
        self, request: GenerateRequest | ChatRequest, content: dict[str, Any], reply: Reply
    ) -> GenerateResult:
        asked = time.monotonic()
        async with self._models.use(request.model, request.engine, request.options, reply) as model:
            load_ms = (time.monotonic() - asked) * 1000
            sampling = _sampling(request.options)
            _refuse_unable(model, sampling)
            fields = {**content, "sampling": sampling, "coalesce_ms": self._settings.coalesce_ms}
            stall_s = self._settings.generation_stall_s
            result: dict[str, Any] = {}
            assert model.worker is not None
            async with model.worker.request(request.action, fields, stall_s=stall_s, phase="generate") as events:
                async for event in events:
                    if event["event"] == "token":
                        await reply.token(event["text"])
                    elif event["event"] == "progress":
                        await reply.progress(event["stage"], event["done"], event["total"], event["unit"])
                    else:
                        result = event["result"]
        result["timings"]["load_ms"] = load_ms
        served = {"model": model.file.name, "engine": model.engine.name, "fallbacks": model.fallbacks}
        return GenerateResult.model_validate({**result, **served})


def _sampling(options: GenerateOptions) -> dict[str, Any]:
    fields = options.model_dump(exclude=_LOAD_FIELDS | {"response_format", "grammar"})
    return {**fields, "constraint": _constraint(options)}


def _constraint(options: GenerateOptions) -> dict[str, str] | None:
    if options.grammar is not None:
        return {"kind": options.grammar.type, "value": options.grammar.value}
    form = options.response_format
    if form is None or form.type == "text":
        return None
    schema = form.json_schema.schema_ if form.json_schema else {"type": "object"}
    return {"kind": "json_schema", "value": json.dumps(schema)}


def _refuse_unable(model: LoadedModel, sampling: dict[str, Any]) -> None:
    if sampling["constraint"] and STRUCTURED not in model.engine.capabilities:
        raise TabAgentError(
            ErrorCode.UNSUPPORTED_TASK,
            f"The engine {model.engine.name} cannot make answers match a schema or grammar.",
            engine=model.engine.name,
        )
