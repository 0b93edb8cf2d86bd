"""A stream that fails after it has begun ends in an event with the error: its status has been sent already."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from native_host.protocol.errors import TabAgentError
from native_host.transports.http.failures import Failure, body
from native_host.transports.http.streams import sse


async def ending_in_errors(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The pieces, and the error if there is one. What fails before the first is raised."""
    begun = False
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                yield piece
                begun = True
        except (TabAgentError, Failure) as error:
            if not begun:
                raise
            yield sse(body(Failure.of(error) if isinstance(error, TabAgentError) else error, "/v1/"))
