"""The use cases that run a model: generate, chat, tokenize."""

from __future__ import annotations

import time
from typing import Any

from native_host.core.answer_request import conversation_fields, refuse_unable, sampling_fields
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.messages.requests import ChatRequest, GenerateRequest, TokenizeRequest
from native_host.protocol.messages.results.answers import GenerateResult, TokenizeResult
from native_host.settings import Settings

_MORE_THAN_TEXT = {"reasoning", "tool_calls", "logprobs", "prompt_tokens"}


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
        return await self._answer(request, {"conversation": conversation_fields(request)}, reply)

    async def tokenize(self, request: TokenizeRequest, reply: Reply) -> TokenizeResult:
        """Text as tokens."""
        async with self._models.use(request.model, request.engine, request.options, reply) as (model, _):
            fields = {"text": request.text, "special": request.special, "add_special": request.add_special}
            done = await model.ask("tokenize", fields, self._settings.generation_stall_s)
        return TokenizeResult.model_validate(done)

    async def _answer(
        self, request: GenerateRequest | ChatRequest, content: dict[str, Any], reply: Reply
    ) -> GenerateResult:
        asked = time.monotonic()
        async with self._models.use(request.model, request.engine, request.options, reply) as (model, fallbacks):
            load_ms = (time.monotonic() - asked) * 1000
            refuse_unable(model.engine, request)
            fields = {
                **content,
                "sampling": sampling_fields(request.options),
                "coalesce_ms": self._settings.coalesce_ms,
            }
            stall_s = self._settings.generation_stall_s
            result: dict[str, Any] = {}
            logprobs: list[dict[str, Any]] = []
            assert model.worker is not None
            async with model.worker.request(request.action, fields, stall_s=stall_s, phase="generate") as events:
                async for event in events:
                    if event["event"] == "token":
                        more = {name: event[name] for name in _MORE_THAN_TEXT & event.keys()}
                        logprobs += more.get("logprobs", ())
                        await reply.token(event["text"], **more)
                    elif event["event"] == "progress":
                        await reply.progress(event["stage"], event["done"], event["total"], event["unit"])
                    else:
                        result = event["result"]
        result["timings"]["load_ms"] = load_ms
        served = {
            "model": model.file.name,
            "engine": model.engine.name,
            "fallbacks": fallbacks,
            "chat_template_changed": model.has_new_template,
        }
        asked_for = {"logprobs": logprobs if request.options.logprobs else None}
        return GenerateResult.model_validate({**result, **served, **asked_for})
