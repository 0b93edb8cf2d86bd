"""Where a use case puts what it has to say before its result."""

from __future__ import annotations

from typing import Any, Protocol


class Reply(Protocol):
    """The way back to whoever asked."""

    async def progress(self, stage: str, done: int, total: int, unit: str, **more: str | float | None) -> None:
        """Report work before the answer. ``more``: further fields of the event."""

    async def token(self, text: str, **more: Any) -> None:
        """Pass on a piece of the answer; waits while the other side does not read. ``more``: as for ``progress``."""
