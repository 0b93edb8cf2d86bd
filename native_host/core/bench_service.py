"""The use case that measures: the same work through every engine that can do it, one after the other.

What is measured of a model with the typical request is kept, and ``auto`` goes by it. An engine that fails is reported,
and the others go on. Beside other work the numbers would be wrong, so a busy TabAgent does not measure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from native_host.core import threads
from native_host.core.bench_workload import CHARACTERS_PER_TOKEN, Workload, passage, rates
from native_host.core.engine_choice import AUTO, FALLBACK, Candidate, EngineChoice
from native_host.core.engine_ranking import EngineRanking
from native_host.core.inference_service import InferenceService
from native_host.core.loaded_model import LoadedModel
from native_host.core.measured_speed import TYPICAL_ANSWER, TYPICAL_PROMPT
from native_host.core.model_library.library import Model, ModelLibrary
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import BenchModelRequest, GenerateOptions, GenerateRequest
from native_host.protocol.messages.results.answers import GenerateResult
from native_host.protocol.messages.results.loading import BenchModelResult, EngineFallback, EngineSpeed

ALL = "all"
UNLOAD_AT_ONCE = 0.0
_SAMPLE_CHARACTERS = 2000


class BenchService:
    """Measures engines, one bench at a time."""

    def __init__(
        self,
        *,
        library: ModelLibrary,
        choice: EngineChoice,
        ranking: EngineRanking,
        models: ModelManager,
        inference: InferenceService,
        stall_s: float,
    ) -> None:
        self._library = library
        self._choice = choice
        self._ranking = ranking
        self._models = models
        self._inference = inference
        self._stall_s = stall_s
        self._running = asyncio.Lock()

    async def bench_model(self, request: BenchModelRequest, reply: Reply) -> BenchModelResult:
        """Measure the engines that can run a model. Each is loaded for it, and unloaded afterwards."""
        model = await threads.LIBRARY.run(self._library.find, request.model)
        candidates = await self._candidates(model, request)
        if self._running.locked() or any(it.active for it in self._models.models):
            raise TabAgentError(
                ErrorCode.BUSY, "TabAgent is busy, and would measure that as well. Try again when it has ended."
            )
        async with self._running:
            measured, failures = await self._measure_all(candidates, request, reply)
        auto = await self._choice.here(model, AUTO, request.options)
        return BenchModelResult(
            model=model.name,
            prompt_tokens=request.prompt_tokens,
            answer_tokens=request.answer_tokens,
            repeats=request.repeats,
            measurements=sorted(measured, key=lambda it: it.request_ms),
            failures=failures,
            auto_engine=auto[0].engine.name,
        )

    async def _candidates(self, model: Model, request: BenchModelRequest) -> Sequence[Candidate]:
        preference = FALLBACK if request.engine == ALL else request.engine
        return await self._choice.here(model, preference, request.options)

    async def _measure_all(
        self, candidates: Sequence[Candidate], request: BenchModelRequest, reply: Reply
    ) -> tuple[list[EngineSpeed], list[EngineFallback]]:
        measured, failures = [], []
        requests = request.repeats + 1
        for place, candidate in enumerate(candidates):
            progress = BenchReply(reply, candidate.engine.name, place * requests, len(candidates) * requests)
            try:
                measured.append(await self._measure(candidate, request, progress))
            except TabAgentError as error:
                failures.append(EngineFallback(engine=candidate.engine.name, code=error.code, message=error.message))
        return measured, failures

    async def _measure(self, candidate: Candidate, request: BenchModelRequest, reply: BenchReply) -> EngineSpeed:
        memory = candidate.facts["memory"]
        context = memory["context_length"] if memory else request.options.context_length
        options = request.options.model_copy(update={"keep_alive": UNLOAD_AT_ONCE, "context_length": context})
        engine, name = candidate.engine, candidate.file.location
        async with self._models.use(name, engine.name, options, reply, as_asked=True) as (model, _):
            _refuse_other_tasks(model)
            asked = Workload(request.prompt_tokens, request.answer_tokens, request.repeats)
            work = asked.fitting(model.context_length)
            results: list[GenerateResult] = []
            for prompt, how in work.rounds(await self._characters_per_token(model)):
                await reply.measuring(len(results))
                results.append(await self._inference.generate(_request(request, name, engine.name, prompt, how), reply))
            prefill, decode = rates(results[1:], request.answer_tokens)
            memory_bytes = model.memory_bytes
        is_typical = (request.prompt_tokens, request.answer_tokens) == (TYPICAL_PROMPT, TYPICAL_ANSWER)
        kept = is_typical and await self._ranking.record(
            candidate.facts, request.options, engine, (prefill, decode), model.load_ms
        )
        return EngineSpeed(
            engine=engine.name,
            prompt_tokens=results[-1].usage.prompt_tokens,
            prefill_tokens_per_second=prefill,
            decode_tokens_per_second=decode,
            request_ms=1000 * (request.prompt_tokens / prefill + request.answer_tokens / decode),
            load_ms=model.load_ms,
            memory_bytes=memory_bytes,
            recorded=kept,
        )

    async def _characters_per_token(self, model: LoadedModel) -> float:
        if "tokenize" not in model.info["actions"]:
            return CHARACTERS_PER_TOKEN
        text = passage(0, _SAMPLE_CHARACTERS)
        counted = await model.ask("tokenize", {"text": text, "special": False, "add_special": False}, self._stall_s)
        count: int = counted["count"]
        return len(text) / max(1, count)


class BenchReply:
    """Passes progress on with the engine's name; what it writes interests nobody."""

    def __init__(self, reply: Reply, engine: str, before: int, total: int) -> None:
        self._reply = reply
        self._engine = engine
        self._before = before
        self._total = total

    async def measuring(self, done: int) -> None:
        """So many of the engine's requests are answered."""
        await self.progress("measuring", self._before + done, self._total, "requests")

    async def progress(self, stage: str, done: int, total: int, unit: str, **more: str | float | None) -> None:
        """As of any request."""
        await self._reply.progress(stage, done, total, unit, engine=self._engine, **more)

    async def token(self, text: str, **more: Any) -> None:
        """Written, and that is all."""


def _request(request: BenchModelRequest, model: str, engine: str, prompt: str, how: GenerateOptions) -> GenerateRequest:
    return GenerateRequest(id=request.id, action="generate", model=model, engine=engine, prompt=prompt, options=how)


def _refuse_other_tasks(model: LoadedModel) -> None:
    if "generate" not in model.info["actions"]:
        raise TabAgentError(
            ErrorCode.UNSUPPORTED_TASK, f"{model.file.name} does not write text, and only that is measured."
        )
