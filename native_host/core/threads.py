"""Thread pools for blocking work, one per kind of work.

A stalled download, a slow disk or a silent server can fill its own pool only. asyncio's default pool stays unused, so
that ``hello`` and everything else that is short is answered at once. Work beyond a pool's limit waits in its queue; a
request that is cancelled there leaves the queue.

The broker's process ends without waiting for these threads: their work can be interrupted at any point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class ThreadPool:
    """At most ``limit`` threads, started when needed."""

    def __init__(self, name: str, limit: int) -> None:
        self._executor = ThreadPoolExecutor(limit, thread_name_prefix=name)

    def submit(
        self, work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
    ) -> asyncio.Future[_Result]:
        """Run ``work`` in a thread. Cancelling the future removes work that has not begun, and stops no thread."""
        return asyncio.wrap_future(self._executor.submit(work, *arguments, **named))

    async def run(
        self, work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Result:
        """Run ``work`` in a thread and return its result."""
        return await self.submit(work, *arguments, **named)


QUICK = ThreadPool("quick", 4)
"""Reads of small files and facts of this machine: never a network, never a model's content."""

LIBRARY = ThreadPool("library", 8)
"""Looking for models in the folders, and reading the headers of those that are there."""

MACHINE = ThreadPool("machine", 2)
"""Trying CPU variants in child processes."""

SERVERS = ThreadPool("servers", 8)
"""Questions to model servers."""

SERVER_PULLS = ThreadPool("server-pull", 4)
"""Downloads that a model server makes."""

DETECTION = ThreadPool("detect", 8)
"""``detect_model`` of any source, and what a hub knows about a repository."""

DOWNLOADS = ThreadPool("download", 4)
"""Downloads from the hub."""

VERIFICATION = ThreadPool("verify", 2)
"""Reading models from the first byte to the last."""

REMOVAL = ThreadPool("remove", 2)
"""Removing models, which waits for locks of other programs."""
