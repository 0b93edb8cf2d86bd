"""What the core needs of a worker process; ``transports/worker_process.py`` provides it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from backends.contract import EngineDescriptor

Event = dict[str, Any]


class Worker(Protocol):
    """A process that owns one engine."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def memory_bytes(self) -> int | None:
        """Its resident memory, where the platform tells."""

    def request(
        self, action: str, fields: dict[str, Any], *, stall_s: float, phase: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Send a request; iterate its events up to and including ``done``. Leaving early cancels it.

        Raises:
            TabAgentError: what the worker reported, ``engine_crashed``, ``engine_timeout`` after ``stall_s``
                seconds without an event, or the reason given to ``close``.
        """

    async def obeyed(self) -> None:
        """Wait until the worker has stopped every request that was cancelled, or has ended because it did not."""

    async def close(self, reason: Exception | None = None) -> None:
        """End the process and wait for it; requests in flight raise ``reason``."""


class WorkerLauncher(Protocol):
    """Starts workers."""

    async def __call__(self, engine: EngineDescriptor, on_death: Callable[[], None]) -> Worker:
        """Start a worker of ``engine``. ``on_death`` is called once if it ends without having been closed."""
