"""What this machine is, asked of Rust once: CPU variant and memory."""

from __future__ import annotations

import asyncio
from typing import Any

from native_host.core import threads
from native_host.core.native import native_module
from native_host.protocol.errors import ErrorCode, TabAgentError


class Machine:
    """Facts from ``tabagent_model``, imported when first asked for. Slow answers come from a thread."""

    def __init__(self) -> None:
        self._chosen: asyncio.Future[Any] | None = None

    async def cpu_variant(self) -> str:
        """The ggml CPU variant that serves here; it was tried in a child process."""
        return str((await self._variant()).variant)

    async def available_memory(self) -> int:
        """Bytes that a new process could use."""
        return int((await threads.QUICK.run(_hardware))["memory"]["available_bytes"])

    async def hardware(self) -> dict[str, Any]:
        """The ``hardware`` action's result."""
        chosen = await self._variant()
        facts = await threads.QUICK.run(_hardware)
        variants = [
            {
                "name": variant.name,
                "supported": variant.supported,
                "reason": variant.reason or "",
                "score": variant.score,
            }
            for variant in native_module().cpu_variants()
        ]
        cpu = {
            **facts["cpu"],
            "variant": chosen.variant,
            "generation": chosen.generation,
            "variants": variants,
            "fallbacks": chosen.fallbacks,
        }
        return {"cpu": cpu, "memory": facts["memory"]}

    async def identity(self) -> str:
        """What tells it from machines that compute at another speed."""
        chosen = await self._variant()
        cpu = (await threads.QUICK.run(_hardware))["cpu"]
        return f"{cpu['brand']}, {cpu['physical_cores']} cores, {chosen.variant}"

    async def _variant(self) -> Any:
        if self._chosen is None or (self._chosen.done() and self._chosen.exception() is not None):
            self._chosen = threads.MACHINE.submit(_choose_variant)
        return await asyncio.shield(self._chosen)


def _choose_variant() -> Any:
    native = native_module()
    try:
        return native.get_cpu_variant()
    except (ValueError, native.ModelError) as error:
        raise TabAgentError(ErrorCode.LOAD_FAILED, f"No CPU variant can be used: {error}") from error


def _hardware() -> dict[str, Any]:
    facts: dict[str, Any] = native_module().hardware()
    return facts
