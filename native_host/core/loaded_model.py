"""One model with its worker: its state, who uses it, and when it may go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from backends.contract import EngineDescriptor
from native_host.core.engine_choice import AUTO, FALLBACK
from native_host.core.model_library.library import Model
from native_host.core.reply import Reply
from native_host.core.worker import Event, Worker
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import FOR_EVER, LoadOptions

if TYPE_CHECKING:
    from tabagent_model import ModelFacts


_PLACING = attrgetter("gpu_layers", "mlock", "device", "dtype")


_MAX_COUNT = 2**53
_COUNTS = ("context_length", "context_train_length", "vocab_size", "embedding_length", "size_bytes")


class State(StrEnum):
    """Where a model is in its life."""

    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"


class LoadedModel:
    """Kept by the manager until its worker has ended: ``unloading`` is the task that ends it."""

    def __init__(
        self,
        file: Model,
        facts: ModelFacts,
        engine: EngineDescriptor,
        options: LoadOptions,
        default_keep_alive_s: float,
    ) -> None:
        self.file = file
        self.facts = facts
        self.engine = engine
        self.options = options
        self.state = State.LOADING
        self.worker: Worker | None = None
        self.loading: asyncio.Task[None] | None = None
        self.unloading: asyncio.Task[None] | None = None
        self.died = False
        self.reserved_bytes = 0
        """Memory that was found free for it before its load began."""
        self.info: dict[str, Any] = {}
        self.load_ms = 0.0
        self.has_new_template = False
        """Its chat template is not the one that it was loaded with before."""
        self.active = 0
        self.last_used = time.monotonic()
        self.keep_alive_s = default_keep_alive_s
        self._timer: asyncio.TimerHandle | None = None
        self._progress: tuple[int, int] = (0, file.size_bytes)
        self._changed = asyncio.Event()

    @property
    def context_length(self) -> int | None:
        """Tokens, once it is loaded."""
        return self.info.get("context_length")

    @property
    def memory_bytes(self) -> int:
        """Resident memory of its worker; 0 where it has none or the platform does not tell."""
        return (self.worker.memory_bytes or 0) if self.worker is not None else 0

    @property
    def pending_bytes(self) -> int:
        """Memory reserved for a load in progress that its worker has not taken yet."""
        return max(0, self.reserved_bytes - self.memory_bytes) if self.state is State.LOADING else 0

    def gone_reason(self) -> TabAgentError:
        """What a request is told that ran or waited when it was unloaded."""
        return TabAgentError(ErrorCode.MODEL_UNLOADED, f"{self.file.name} was unloaded.")

    @property
    def expires_in_s(self) -> float | None:
        """Seconds until it is unloaded; None while busy or kept for ever."""
        if self._timer is None:
            return None
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time())

    def runs_on(self, engine: str) -> bool:
        """Whether its engine is the one asked for, or none was."""
        return engine in (AUTO, FALLBACK, self.engine.name)

    def serves(self, engine: str, options: LoadOptions) -> bool:
        """Whether it is loaded as asked."""
        return (
            self.runs_on(engine)
            and options.context_length in (None, self.context_length, self.options.context_length)
            and _PLACING(options) == _PLACING(self.options)
        )

    def wanted_context(self, options: LoadOptions) -> int | None:
        """The context asked for, at most what the model was made for."""
        asked, most = options.context_length, self.facts["context_length"]
        return min(asked, most) if asked and most else asked

    def is_roomy_enough(self, options: LoadOptions) -> bool:
        """Whether it need not be loaded anew for more context: it has as much, cannot have it, or is in use."""
        wanted = self.wanted_context(options)
        if not wanted or not self.context_length or self.active:
            return True
        return wanted <= max(self.context_length, self.options.context_length or 0)

    async def ask(self, action: str, fields: dict[str, Any], stall_s: float) -> dict[str, Any]:
        """The result of a request whose events on the way are of no interest."""
        assert self.worker is not None
        async with self.worker.request(action, fields, stall_s=stall_s, phase=action) as events:
            last = [event async for event in events][-1]
        result: dict[str, Any] = last["result"]
        return result

    def begin_use(self) -> None:
        """A request starts."""
        self.stop_expiry()
        self.active += 1

    def end_use(self, keep_alive: float | None) -> float | None:
        """A request has ended. Returns the seconds to keep the model, None while it is in use or for ever."""
        self.active -= 1
        self.last_used = time.monotonic()
        if keep_alive is not None:
            self.keep_alive_s = keep_alive
        return None if self.active or self.keep_alive_s == FOR_EVER else max(0.0, self.keep_alive_s)

    def expire_after(self, seconds: float, action: Callable[[], None]) -> None:
        """Arrange for ``action`` when it has been idle so long."""
        self.stop_expiry()
        self._timer = asyncio.get_running_loop().call_later(seconds, action)

    def stop_expiry(self) -> None:
        """It is in use, or going."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def report_load(self, event: Event) -> None:
        """Take an event of the worker's ``load_model``."""
        if event["event"] == "done":
            self.info = _checked_info(event["result"], self.engine.name)
        elif event["event"] == "progress":
            self._progress = (event["done"], event["total"])
            self._changed.set()

    @asynccontextmanager
    async def watch_load(self, reply: Reply) -> AsyncIterator[None]:
        """Pass the load's progress on while the context lasts."""
        watcher = asyncio.create_task(self._relay_progress(reply))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def _relay_progress(self, reply: Reply) -> None:
        while True:
            done, total = self._progress
            await reply.progress("loading", done, total, "bytes")
            self._changed.clear()
            await self._changed.wait()


def _checked_info(info: Any, engine: str) -> dict[str, Any]:
    """Return a worker's description of its model, which ``status`` and later requests repeat.

    Raises:
        TabAgentError: ``load_failed`` for a description of the wrong form.
    """
    if not isinstance(info, dict) or not all(_is_count(info.get(name)) for name in _COUNTS):
        raise TabAgentError(ErrorCode.LOAD_FAILED, f"The engine {engine} described its model with invalid numbers.")
    if not isinstance(info.get("architecture"), str) or not isinstance(info.get("actions"), list):
        raise TabAgentError(ErrorCode.LOAD_FAILED, f"The engine {engine} described its model in an invalid form.")
    return info


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT
