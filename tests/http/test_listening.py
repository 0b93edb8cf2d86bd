"""The listening socket as asyncio takes it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from native_host.transports.http.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_is_sent_at_once(host: str) -> None:
    """Else an answer's body waits for the client's system to acknowledge its head: 40 ms on Linux."""

    async def accepted() -> int:
        options: asyncio.Queue[int] = asyncio.Queue()

        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            options.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen(host, 0)
        async with await asyncio.start_server(note, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            try:
                return await asyncio.wait_for(options.get(), 10)
            finally:
                writer.close()
                await writer.wait_closed()

    assert asyncio.run(accepted())
