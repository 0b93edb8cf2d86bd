"""Time limits that a suspension of the machine does not use up.

Monotonic clocks go on while a machine sleeps on some systems, and while a process is stopped on all of them. A limit is
therefore waited for in steps: a step in which this process did not run counts as one step, however long it took, and
what the other side sends after the suspension arrives within the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

STEPS = 4

T = TypeVar("T")


async def sleep_awake(seconds: float) -> None:
    """Sleep for at least ``seconds`` in which this process can run."""
    for _ in range(STEPS):
        await asyncio.sleep(seconds / STEPS)


async def wait_awake(take: Callable[[], Awaitable[T]], limit_s: float) -> T:
    """Return what ``take`` returns; it is cancelled and called again at every step.

    Raises:
        TimeoutError: ``limit_s`` seconds in which this process could run are over.
    """
    for _ in range(STEPS):
        try:
            async with asyncio.timeout(limit_s / STEPS):
                return await take()
        except TimeoutError:
            continue
    raise TimeoutError
