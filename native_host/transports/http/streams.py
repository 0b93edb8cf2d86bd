"""Answers that come piece by piece: server-sent events, and Ollama's lines of JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

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


async def streamed(pieces: AsyncGenerator[bytes], media_type: str = SSE) -> StreamingResponse:
    """An answer that begins with the first piece: what fails before it is an error with a status of its own."""
    first = await anext(pieces, b"")

    async def content() -> AsyncIterator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return StreamingResponse(content(), media_type=media_type, headers={"X-Accel-Buffering": "no"})
