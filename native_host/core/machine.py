"""What this machine is, asked of Rust once: CPU variant, memory, and what a model will need of it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from backends.contract import EngineDescriptor
from backends.registry import resolve
from native_host.core.model_library import ModelFile
from native_host.protocol.errors import ErrorCode, TabAgentError

SPARE_BYTES = 512 * 1024 * 1024
"""Left to the rest of the machine when a model is admitted."""


class Machine:
    """Facts from ``tabagent_model``, imported when first asked for. Slow answers come from a thread."""

    def __init__(self) -> None:
        self._chosen: asyncio.Task[Any] | None = None

    async def cpu_variant(self) -> str:
        """The ggml CPU variant that serves here; it was tried in a child process."""
        return str((await self._variant()).variant)

    async def available_memory(self) -> int:
        """Bytes that a new process could use."""
        return int((await asyncio.to_thread(_hardware))["memory"]["available_bytes"])

    async def memory_needed(self, engine: EngineDescriptor, model: ModelFile, context_length: int | None) -> int:
        """Bytes that loading takes: weights, KV cache, workspace and a margin.

        Raises:
            TabAgentError: ``model_corrupt``, ``model_not_found`` when the file's header cannot be read.
        """
        if not engine.memory_estimate:
            return model.size_bytes + SPARE_BYTES
        estimate: Callable[..., int] = resolve(engine.memory_estimate)
        return await asyncio.to_thread(_estimate, estimate, model, context_length) + SPARE_BYTES

    async def hardware(self) -> dict[str, Any]:
        """The ``hardware`` action's result."""
        chosen = await self._variant()
        facts = await asyncio.to_thread(_hardware)
        variants = [
            {
                "name": variant.name,
                "supported": variant.supported,
                "reason": variant.reason or "",
                "score": variant.score,
            }
            for variant in _native().cpu_variants()
        ]
        cpu = {
            **facts["cpu"],
            "variant": chosen.variant,
            "generation": chosen.generation,
            "variants": variants,
            "fallbacks": chosen.fallbacks,
        }
        return {"cpu": cpu, "memory": facts["memory"]}

    async def _variant(self) -> Any:
        if self._chosen is None or (self._chosen.done() and self._chosen.exception() is not None):
            self._chosen = asyncio.create_task(asyncio.to_thread(_choose_variant))
        return await asyncio.shield(self._chosen)


def _native() -> ModuleType:
    """The Rust wheel. A broker without it still runs, and says what is missing."""
    try:
        return importlib.import_module("tabagent_model")
    except ImportError as error:
        raise TabAgentError(
            ErrorCode.ENGINE_UNAVAILABLE,
            f"TabAgent's Rust part cannot be loaded ({error}). Build and install it with: make wheel",
            engine="tabagent_model",
            install_hint="make wheel",
        ) from error


def _choose_variant() -> Any:
    native = _native()
    try:
        return native.get_cpu_variant()
    except (ValueError, native.ModelError) as error:
        raise TabAgentError(ErrorCode.LOAD_FAILED, f"No CPU variant can be used: {error}") from error


def _hardware() -> dict[str, Any]:
    facts: dict[str, Any] = _native().hardware()
    return facts


def _estimate(estimate: Callable[..., int], model: ModelFile, context_length: int | None) -> int:
    native = _native()
    try:
        return estimate(str(model.path), context_length)
    except native.ModelNotFound as error:
        raise TabAgentError(ErrorCode.MODEL_NOT_FOUND, str(error), path=str(model.path)) from error
    except native.ModelError as error:
        raise TabAgentError(ErrorCode.MODEL_CORRUPT, str(error), path=str(model.path)) from error
