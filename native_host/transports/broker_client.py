"""An asyncio client of the broker, for the command line and HTTP. The host has its own (``stdio``), without asyncio.

Every request has a connection of its own, so whoever reads slowly slows down only the engine that answers it (the
socket fills, the broker pauses that request), and whoever leaves closes the connection, which cancels the request.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from native_host.protocol.connection import ClientConnection, Event
from native_host.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError, TabAgentError
from native_host.protocol.framing import MAX_REQUEST, EndOfStream
from native_host.settings import Settings
from native_host.transports import broker_link
from native_host.transports.awake import wait_awake

READ_SIZE = 64 * 1024
START_LIMIT_S = 15.0
CONNECT_RETRY_S = 0.01
RESTART_S = 0.2
_REQUEST_ID = 1


class BrokerClient:
    """Asks the broker, which is started where there is none. Holds nothing open between requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._starting = asyncio.Lock()
        self._children: set[int] = set()

    @asynccontextmanager
    async def request(self, action: str, **fields: Any) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of a request: ``progress`` and ``token`` as they come, ``done`` at last. Leaving early cancels it.

        Raises:
            TabAgentError: the request failed (from within the iteration), or the broker cannot be reached.
        """
        stream = _Stream(await self._connected(), action, fields)
        try:
            async with aclosing(self._events(stream)) as events:
                yield events
        finally:
            await stream.close()

    async def result(self, action: str, **fields: Any) -> dict[str, Any]:
        """The result of a request; what comes before it is dropped.

        Raises:
            TabAgentError: as ``request``.
        """
        result: dict[str, Any] = {}
        async with self.request(action, **fields) as events:
            async for event in events:
                if event["event"] == "done":
                    result = event["result"]
        return result

    async def result_if_running(self, action: str, **fields: Any) -> dict[str, Any] | None:
        """As ``result``, but None where no broker runs; none is started."""
        connection = await self._connect()
        if connection is None:
            return None
        connection.close()
        return await self.result(action, **fields)

    async def _events(self, stream: _Stream) -> AsyncGenerator[dict[str, Any]]:
        """A broker that ends without a word was on its way out when it took the connection: the next one is asked."""
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        await stream.open()
        while True:
            try:
                event = await self._next_event(stream)
            except (OSError, EOFError, RemoteProtocolError) as error:
                if stream.has_answered or asyncio.get_running_loop().time() > deadline:
                    raise TabAgentError(
                        ErrorCode.BROKER_LOST,
                        "TabAgent's background process ended while it was answering. Ask again: it restarts.",
                    ) from error
                await stream.reopen(await self._connected())
                continue
            yield event
            if event["event"] == "done":
                return

    async def _next_event(self, stream: _Stream) -> dict[str, Any]:
        """Return the next event of a broker that runs, however long that takes.

        Raises:
            TabAgentError: as ``_Stream.next_event``; ``broker_unavailable`` for a broker that does not answer.
        """
        while True:
            try:
                return await wait_awake(stream.next_event, broker_link.ASK_AFTER_S)
            except TimeoutError:
                await self._refuse_silence()

    async def _refuse_silence(self) -> None:
        connection = await self._connect()
        if connection is None:
            return  # it has ended, which its stream tells
        probe = _Stream(connection, "hello", {})
        try:
            await probe.open()
            await wait_awake(probe.next_event, broker_link.ANSWER_LIMIT_S)
        except TimeoutError:
            raise broker_link.silent() from None
        except (OSError, EOFError, RemoteProtocolError):
            pass  # likewise
        finally:
            await probe.close()

    async def _connected(self) -> socket.socket:
        if connection := await self._connect():
            return connection
        async with self._starting:
            return await self._started()

    async def _connect(self) -> socket.socket | None:
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        try:
            while True:
                with suppress(BlockingIOError):
                    return await asyncio.to_thread(broker_link.connect, self._settings)
                if asyncio.get_running_loop().time() > deadline:
                    raise broker_link.silent()
                await asyncio.sleep(CONNECT_RETRY_S)
        except (OSError, broker_link.UnsafeLocation) as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, reason: str) -> TabAgentError:
        return broker_link.unavailable(self._settings, reason)

    async def _started(self) -> socket.socket:
        """Start a broker, and another one if it left because an earlier one was still on its way out."""
        now = asyncio.get_running_loop().time
        deadline, next_start, child = now() + START_LIMIT_S, 0.0, 0
        while now() < deadline:
            if connection := await self._connect():
                return connection
            if status := self._reap().get(child):
                raise self._unavailable(f"it ended with status {status}")
            if child not in self._children and now() >= next_start:
                try:
                    child = broker_link.start_broker(self._settings)
                except (OSError, broker_link.UnsafeLocation) as error:
                    raise self._unavailable(str(error)) from error
                self._children.add(child)
                next_start = now() + RESTART_S
            await asyncio.sleep(CONNECT_RETRY_S)
        raise self._unavailable(f"it did not answer within {START_LIMIT_S:.0f} s")

    def _reap(self) -> dict[int, int]:
        """Exit statuses of the brokers of ours that have ended since the last call."""
        statuses = {}
        for child in tuple(self._children):
            with suppress(ChildProcessError):
                pid, status = os.waitpid(child, os.WNOHANG)
                if not pid:
                    continue
                statuses[child] = os.waitstatus_to_exitcode(status)
            self._children.discard(child)
        return statuses


class _Stream:
    """One request on one connection."""

    def __init__(self, connection: socket.socket, action: str, fields: dict[str, Any]) -> None:
        self._message = {**fields, "id": _REQUEST_ID, "action": action}
        self._socket = connection
        self._protocol = ClientConnection()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.has_answered = False
        """Whether anything has come back, other than that the broker is ending."""

    async def open(self) -> None:
        """Send the request. What fails here is told by ``next_event``."""
        try:
            frame = self._protocol.send(self._message)
        except LocalProtocolError as error:
            limit = f"A request may have at most {MAX_REQUEST:,} bytes."
            raise TabAgentError(ErrorCode.REQUEST_TOO_LARGE, limit, limit=MAX_REQUEST) from error
        except ValueError as error:
            raise TabAgentError(ErrorCode.BAD_JSON, f"The request cannot be written as JSON: {error}.") from error
        self._socket.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket, limit=READ_SIZE)
        self._writer.write(frame)

    async def reopen(self, connection: socket.socket) -> None:
        """Ask again, on another connection."""
        await self.close()
        self._socket, self._protocol = connection, ClientConnection()
        await self.open()

    async def next_event(self) -> dict[str, Any]:
        """The next event that is no failure.

        Raises:
            TabAgentError: the request failed.
            OSError, EOFError, RemoteProtocolError: the broker is gone, or makes no sense.
        """
        assert self._reader is not None
        while not isinstance(event := self._protocol.next_event(), Event):
            if isinstance(event, EndOfStream):
                raise EOFError("end of file")
            data = await self._reader.read(READ_SIZE)
            self._protocol.receive_data(data)
        if event.message["event"] == "error":  # without an id too: no other request is on this connection
            failure = TabAgentError.from_event(event.message["error"])
            if failure.code == ErrorCode.SHUTTING_DOWN and not self.has_answered:
                raise EOFError(failure.message)
            raise failure
        self.has_answered = True
        if event.message["event"] == "cancelled":
            raise TabAgentError(ErrorCode.BROKER_LOST, "TabAgent stopped the request on its own. Ask again.")
        return event.message

    async def close(self) -> None:
        """Close the connection, which cancels what is in flight on it."""
        if self._writer is None:
            self._socket.close()
            return
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()
