"""How many requests run at once: so many, as many again wait for their turn, and the rest are told to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from native_host.transports.http.failures import RETRY_AFTER_S, Failure


def busy(reason: str, limit: int) -> Failure:
    """Return the failure of a request that may be sent again soon."""
    return Failure(
        429,
        "busy",
        f"{reason} Ask again in {RETRY_AFTER_S} s.",
        details={"limit": limit},
        retryable=True,
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


class Slots:
    """A limit with a queue; whoever waits leaves it when cancelled."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = asyncio.Semaphore(limit)
        self._taken = 0
        """By those that run and those that wait."""

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot.

        Raises:
            Failure: 429, as many wait as run.
        """
        if self._taken >= 2 * self._limit:
            raise busy(f"{self._limit} requests are being answered and as many wait.", self._limit)
        self._taken += 1
        try:
            async with self._free:
                yield
        finally:
            self._taken -= 1
