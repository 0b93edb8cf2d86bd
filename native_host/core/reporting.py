"""Tells how far work is while it goes on elsewhere: in a thread, or in a task that several wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

REPORT_EVERY_S = 0.2

Result = TypeVar("Result")


async def reported(work: asyncio.Future[Result], report: Callable[[], Awaitable[None]]) -> Result:
    """The work's result. ``report`` is called at once, while it lasts, and when it has ended.

    Who leaves does not end the work.
    """
    while not work.done():
        await report()
        await asyncio.wait([work], timeout=REPORT_EVERY_S)
    await report()
    return await work
