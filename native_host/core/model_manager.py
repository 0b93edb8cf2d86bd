"""The loaded models: loads on demand, shares one load among all who wait for it, unloads what is idle.

    absent ──load──▶ loading ──▶ ready ──idle for keep_alive, unload, or memory needed──▶ unloading ──▶ absent
                        └── the worker dies, or the last one waiting leaves ──▶ absent

A model that does not fit beside the others makes the least recently used idle ones go first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from native_host.core import threads
from native_host.core.crash_ledger import CrashLedger
from native_host.core.engine_choice import FALLBACK, Candidate, EngineChoice
from native_host.core.loaded_model import LoadedModel, State
from native_host.core.machine import Machine
from native_host.core.model_library.library import Model, ModelLibrary
from native_host.core.model_library.model_file import ModelFile
from native_host.core.reply import Reply
from native_host.core.seen_templates import SeenTemplates
from native_host.core.worker import WorkerLauncher
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import LoadOptions
from native_host.protocol.messages.results.loading import EngineFallback
from native_host.settings import Settings

log = logging.getLogger(__name__)

SPARE_BYTES = 512 * 1024 * 1024
"""Left to the rest of the machine when a model is admitted."""

ANOTHER_ENGINE_MAY_DO = frozenset(
    {
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        ErrorCode.ENGINE_UNAVAILABLE,
        ErrorCode.LOAD_FAILED,
        ErrorCode.ENGINE_CRASHED,
        ErrorCode.ENGINE_TIMEOUT,
        ErrorCode.OUT_OF_MEMORY,
    }
)


@dataclass(frozen=True, slots=True)
class Demand:
    """A request for a model: on which engine, how, who waits, and which loaded ones ``suits``."""

    file: Model
    engine: str
    options: LoadOptions
    reply: Reply
    suits: Callable[[LoadedModel], bool]
    fallbacks: list[EngineFallback] = field(default_factory=list)
    """Engines that did not load it, servers that did not answer."""


class ModelManager:
    """Every loaded model, by its location."""

    def __init__(
        self,
        settings: Settings,
        library: ModelLibrary,
        choice: EngineChoice,
        machine: Machine,
        launch: WorkerLauncher,
    ) -> None:
        self._settings = settings
        self._library = library
        self._choice = choice
        self._templates = SeenTemplates(settings.state_dir / "chat_templates.json")
        self._machine = machine
        self._launch = launch
        self._models: dict[str, LoadedModel] = {}
        self._crashes = CrashLedger()
        self._admission = asyncio.Lock()

    @property
    def models(self) -> list[LoadedModel]:
        """What is loaded or loading, by name."""
        return sorted(self._models.values(), key=lambda model: model.file.name)

    def is_known(self, file: Model) -> bool:
        """Whether it is loaded, loading or unloading."""
        return file.location in self._models

    def is_loaded(self, file: Model) -> bool:
        """Whether it is ready."""
        model = self._models.get(file.location)
        return model is not None and model.state is State.READY

    @asynccontextmanager
    async def use(
        self, name: str, engine: str, options: LoadOptions, reply: Reply, *, as_asked: bool = False
    ) -> AsyncIterator[tuple[LoadedModel, list[EngineFallback]]]:
        """The model, loaded, and kept while the context lasts; and what was tried before for this request.

        One that is loaded otherwise serves too, unless it is idle and has less context than asked for, or is to be
        ``as_asked``: then it makes way, as for ``load``.
        """
        file = await self._find(name)

        def suits(model: LoadedModel) -> bool:
            if as_asked:
                return model.serves(engine, options)
            return model.runs_on(engine) and model.is_roomy_enough(options)

        demand = Demand(file, engine, options, reply, suits)
        model = await self._obtain(demand)
        try:
            yield model, demand.fallbacks
        finally:
            self._end_use(model, options.keep_alive)

    async def load(
        self, name: str, engine: str, options: LoadOptions, reply: Reply
    ) -> tuple[LoadedModel, list[EngineFallback], bool]:
        """Load at the user's word, quarantine or not.

        Returns the model, what was tried before for this request, and whether it was loaded already.
        """
        file = await self._find(name)
        self._crashes.forgive(file.location)
        before = self._models.get(file.location)
        ready_before = before is not None and before.state is State.READY
        demand = Demand(file, engine, options, reply, lambda it: it.serves(engine, options))
        model = await self._obtain(demand)
        self._end_use(model, options.keep_alive, after_request=False)
        return model, demand.fallbacks, ready_before and model is before

    async def unload(self, name: str) -> tuple[str, bool]:
        """End the model's worker. Returns its name and whether there was one."""
        file = await self._find(name)
        model = self._models.get(file.location)
        if model is None:
            return file.name, False
        await self._unload(model)
        return file.name, True

    async def _find(self, name: str) -> Model:
        for model in self._models.values():
            if name in (model.file.name, model.file.location):
                return model.file
        return await threads.LIBRARY.run(self._library.find, name)

    async def close(self) -> None:
        """End every worker."""
        reason = TabAgentError(ErrorCode.SHUTTING_DOWN, "TabAgent is shutting down.")
        await asyncio.gather(*(self._begin_unload(model, reason) for model in self.models))

    # --------------------------------------------------------------------------------------- loading

    async def _obtain(self, demand: Demand) -> LoadedModel:
        """The model, ready and in use by the caller, who must end that use; on the first engine that loads it.

        Raises:
            TabAgentError: what stands in its way, what the last load raised, ``engine_quarantined``, ``busy``.
        """
        file = demand.file
        current = self._models.get(file.location)
        if current is not None and not (current.state is State.READY and demand.suits(current)):
            current = None
        if current is not None and (demand.engine != FALLBACK or await self._choice.still_there(file)):
            return await self._obtain_on(Candidate(file, current.facts, current.engine), demand)
        *others, last = await self._choice.choose(file, demand.engine, demand.options, demand.fallbacks)
        for candidate in others:
            try:
                return await self._obtain_on(candidate, demand)
            except TabAgentError as error:
                if error.code not in ANOTHER_ENGINE_MAY_DO:
                    raise
                engine = candidate.engine.name
                log.warning("%s does not load %s: %s", engine, candidate.file.name, error)
                demand.fallbacks.append(EngineFallback(engine=engine, code=error.code, message=error.message))
        return await self._obtain_on(last, demand)

    async def _obtain_on(self, candidate: Candidate, demand: Demand) -> LoadedModel:
        """The model, on this engine if it is not loaded yet.

        One that is loaded otherwise than ``demand.suits`` makes way.
        """
        file = candidate.file
        while (model := self._models.get(file.location)) is not None:
            if model.unloading is not None:
                await asyncio.shield(model.unloading)
            elif demand.suits(model):
                if not await _was_left(model):
                    break
            elif model.active:
                raise TabAgentError(
                    ErrorCode.BUSY, f"{file.name} is in use; it can be loaded otherwise when that has ended."
                )
            else:
                await self._unload(model)
        if model is None:
            self._refuse_quarantined(file)
            model = LoadedModel(file, candidate.facts, candidate.engine, demand.options, self._settings.keep_alive_s)
            self._models[file.location] = model
            model.loading = asyncio.create_task(self._load(model), name=f"load {file.name}")
        model.begin_use()
        if model.state is State.LOADING:
            await self._wait_for_load(model, demand.reply)
        return model

    async def _wait_for_load(self, model: LoadedModel, reply: Reply) -> None:
        assert model.loading is not None
        try:
            async with model.watch_load(reply):
                await asyncio.shield(model.loading)
        except BaseException as error:
            self._end_use(model, None)
            if isinstance(error, asyncio.CancelledError) and not _being_cancelled():
                raise model.gone_reason() from None
            if not model.active and model.state is State.LOADING:
                self._begin_unload(model)
            raise

    async def _load(self, model: LoadedModel) -> None:
        try:
            await asyncio.sleep(self._crashes.delay_s(model.file.location))
            cpu_variant = await self._machine.cpu_variant() if model.engine.uses_cpu_variants else ""
            await self._admit(model)
            started = time.monotonic()
            model.worker = await self._launch(model.engine, lambda: self._worker_died(model))
            fields = self._load_fields(model, cpu_variant)
            stall_s = self._settings.load_stall_s
            async with model.worker.request("load_model", fields, stall_s=stall_s, phase="load") as events:
                async for event in events:
                    model.report_load(event)
            model.load_ms = (time.monotonic() - started) * 1000
            if model.died:
                raise TabAgentError(
                    ErrorCode.ENGINE_CRASHED, "The engine ended as soon as it was loaded.", phase="load"
                )
            model.has_new_template = await self._has_new_template(model)
            model.state = State.READY
            model.last_used = time.monotonic()
            log.info("loaded %s with %s in %.0f ms", model.file.name, model.engine.name, model.load_ms)
        except BaseException:
            self._begin_unload(model)
            raise

    async def _has_new_template(self, model: LoadedModel) -> bool:
        if not isinstance(model.file, ModelFile):
            return False
        template = model.facts["chat_template_sha256"]
        changed = await threads.LIBRARY.run(self._templates.changes, model.file.name, template)
        if changed:
            log.warning("the chat template of %s has changed since it was loaded last", model.file.name)
        return changed

    def _load_fields(self, model: LoadedModel, cpu_variant: str) -> dict[str, Any]:
        served = {"server": None, "served_as": ""} if isinstance(model.file, ModelFile) else model.file.load_fields
        return {
            **served,
            "path": model.facts["path"] or model.file.location,
            "cache_dir": str(self._settings.cache_dir),
            "format": model.facts["model_type"],
            "task": model.facts["task"],
            "architecture": model.facts["architecture"],
            "device": model.options.device,
            "dtype": model.options.dtype,
            "context_length": model.wanted_context(model.options),
            "gpu_layers": model.options.gpu_layers,
            "mlock": model.options.mlock,
            "threads": self._settings.threads,
            "parallel": self._settings.parallel,
            "cpu_variant": cpu_variant,
        }

    async def _admit(self, model: LoadedModel) -> None:
        """Reserve the model's memory; the load itself runs beside others.

        Where other loads have reserved what is missing, wait for one of them to end: its model may then be unloaded.
        """
        while True:
            async with self._admission:
                if await self._make_room(model):
                    return
                others = [other.loading for other in self._reserving() if other.loading is not None]
            if others:
                await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)

    def _reserving(self) -> list[LoadedModel]:
        """Models that are loading into memory reserved for them."""
        return [model for model in self._models.values() if model.pending_bytes]

    async def _make_room(self, model: LoadedModel) -> bool:
        """Unload idle models until ``model`` fits. Return False if it has to wait for other loads.

        Raises:
            TabAgentError: ``insufficient_memory``.
        """
        memory = model.facts["memory"]
        takes = memory["total_bytes"] if memory else model.facts["size_bytes"] or 0
        needed = SPARE_BYTES + takes if takes else 0  # a server's model takes none here
        while needed > (available := await self._available_memory()):
            idle = [other for other in self._models.values() if other.state is State.READY and not other.active]
            if needed > available + sum(other.memory_bytes for other in idle):
                if self._reserving():
                    return False
                raise TabAgentError(
                    ErrorCode.INSUFFICIENT_MEMORY,
                    f"{model.file.name} needs {needed / 2**20:,.0f} MiB and {available / 2**20:,.0f} MiB are free. "
                    "Close something, choose a smaller model or ask for a shorter context.",
                    needed_bytes=needed,
                    available_bytes=available,
                )
            oldest = min(idle, key=lambda other: other.last_used)
            log.info("unloading %s to make room for %s", oldest.file.name, model.file.name)
            await self._unload(oldest)
        model.reserved_bytes = takes
        return True

    async def _available_memory(self) -> int:
        """Return the bytes that a further load may take: those free, less what loads in progress have still to take."""
        available = await self._machine.available_memory()
        available -= sum(model.pending_bytes for model in self._models.values())
        limit = self._settings.memory_limit_mb * 2**20
        if not limit:
            return available
        return min(available, limit - sum(model.memory_bytes + model.pending_bytes for model in self._models.values()))

    # ------------------------------------------------------------------------------------- unloading

    def _end_use(self, model: LoadedModel, keep_alive: float | None, *, after_request: bool = True) -> None:
        seconds = model.end_use(keep_alive)
        if seconds is None or model.state is not State.READY:
            return
        if seconds == 0 and not after_request:
            return  # "unload after the next request": there has been none yet
        model.expire_after(seconds, lambda: self._expire(model))

    def _expire(self, model: LoadedModel) -> None:
        if not model.active and model.state is State.READY:
            log.info("unloading %s, idle", model.file.name)
            self._begin_unload(model)

    async def _unload(self, model: LoadedModel) -> None:
        """Unload, and wait for it; whoever waits may be cancelled, the unloading goes on."""
        await asyncio.shield(self._begin_unload(model))

    def _begin_unload(self, model: LoadedModel, reason: TabAgentError | None = None) -> asyncio.Task[None]:
        if model.unloading is None:
            model.state = State.UNLOADING
            model.stop_expiry()
            model.unloading = asyncio.create_task(
                self._end(model, reason or model.gone_reason()), name=f"unload {model.file.name}"
            )
        return model.unloading

    async def _end(self, model: LoadedModel, reason: TabAgentError) -> None:
        if model.loading is not None and not model.loading.done():
            model.loading.cancel()
            await asyncio.wait([model.loading])
        if model.worker is not None:
            await model.worker.close(reason)
        del self._models[model.file.location]

    def _worker_died(self, model: LoadedModel) -> None:
        model.died = True
        self._crashes.record(model.file.location)
        log.warning("the worker of %s died", model.file.name)
        if model.state is State.READY:
            self._begin_unload(model)

    def _refuse_quarantined(self, file: Model) -> None:
        if self._crashes.is_quarantined(file.location):
            raise TabAgentError(
                ErrorCode.ENGINE_QUARANTINED,
                f"{file.name} crashed its engine several times within minutes. Load it explicitly to try again.",
                model=file.name,
            )


async def _was_left(model: LoadedModel) -> bool:
    """Wait where a cancelled request keeps the worker busy. Return True if the worker had to be ended for it.

    A request that was sent meanwhile would end with that worker.
    """
    if model.state is State.READY and model.worker is not None:
        await model.worker.obeyed()
    return model.unloading is not None


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
