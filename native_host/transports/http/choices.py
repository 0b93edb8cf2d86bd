"""Several answers to one HTTP request, made at once in one slot: their results in order, or events as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from native_host.transports.http.service import Service

Event = dict[str, Any]
Fields = dict[str, Any]
AT_ONCE = 4
"""One request is not to have every place of a model's batch."""


async def results(service: Service, action: str, requests: Sequence[Fields]) -> list[dict[str, Any]]:
    """The result of each. The first failure is that of all, and cancels the others."""
    found: dict[int, dict[str, Any]] = {}
    async with aclosing(events(service, action, requests)) as arriving:
        async for index, event in arriving:
            if event["event"] == "done":
                found[index] = event["result"]
    return [found[index] for index in range(len(requests))]


async def events(service: Service, action: str, requests: Sequence[Fields]) -> AsyncGenerator[tuple[int, Event]]:
    """Events with the index of their request, until the last is done."""
    if len(requests) == 1:
        async with service.request(action, requests[0]) as stream:
            async for event in stream:
                yield 0, event
        return
    async with service.slot(), _fed(service, action, requests) as queue:
        running = len(requests)
        while running:
            index, item = await queue.get()
            if isinstance(item, Exception):
                raise item
            running -= item["event"] == "done"
            yield index, item


@asynccontextmanager
async def _fed(
    service: Service, action: str, requests: Sequence[Fields]
) -> AsyncGenerator[asyncio.Queue[tuple[int, Event | Exception]]]:
    """A queue of what all of them say; they wait while nobody takes it, and are cancelled with it."""
    queue: asyncio.Queue[tuple[int, Event | Exception]] = asyncio.Queue(maxsize=len(requests))
    limit = asyncio.Semaphore(AT_ONCE)

    async def feed(index: int, fields: Fields) -> None:
        try:
            async with limit, service.request(action, fields, has_slot=True) as stream:
                async for event in stream:
                    await queue.put((index, event))
        except Exception as error:  # noqa: BLE001  # whoever reads the queue raises it
            await queue.put((index, error))

    tasks = [asyncio.create_task(feed(index, fields)) for index, fields in enumerate(requests)]
    try:
        yield queue
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
