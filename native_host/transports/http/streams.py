"""Answers that come piece by piece: server-sent events, and Ollama's lines of JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


def sse(data: dict[str, Any] | str, event: str | None = None) -> bytes:
    """A server-sent event."""
    text = data if isinstance(data, str) else dumps(data)
    return f"event: {event}\ndata: {text}\n\n".encode() if event else f"data: {text}\n\n".encode()


def line(data: dict[str, Any]) -> bytes:
    """A line of JSON."""
    return f"{dumps(data)}\n".encode()


def dumps(data: Any) -> str:
    """JSON without a line break in it."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class _Streamed(StreamingResponse):
    """Closes its pieces however it ends: a request of the broker's must not wait for a garbage collection."""

    def __init__(self, first: bytes, pieces: AsyncGenerator[bytes], media_type: str) -> None:
        self._pieces = pieces
        super().__init__(_all(first, pieces), media_type=media_type, headers={"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)


async def streamed(pieces: AsyncGenerator[bytes], media_type: str = SSE) -> StreamingResponse:
    """An answer that begins with the first piece: what fails before it is an error with a status of its own."""
    return _Streamed(await anext(pieces, b""), pieces, media_type)


async def _all(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
