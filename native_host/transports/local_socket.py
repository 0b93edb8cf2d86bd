"""The broker's local socket: one session per connected host or command line.

Events of a request are written in order; ``token`` waits while the other side does not read, which pauses the engine.
A session that closes cancels everything it asked for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from native_host.core.handler_router import HandlerRouter
from native_host.protocol.connection import TERMINAL_EVENTS, Refused, Request, RequestId, ServerConnection
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.framing import Signal
from native_host.protocol.messages.requests import CancelRequest
from native_host.protocol.messages.validation import parse_request
from native_host.transports.broker_link import peer_uid

log = logging.getLogger(__name__)

HIGH_WATER_BYTES = 256 * 1024
STOP_READING_BYTES = 1024 * 1024
"""Unread answers of a peer, above which its requests are not read: tokens wait earlier, refusals never do."""
TURN_S = 0.01
"""Time for the requests of one peer before the others have their turn."""


class LocalSocketServer:
    """Accepts sessions; ``sessions`` are those that are connected."""

    def __init__(self, router: HandlerRouter) -> None:
        self._router = router
        self.sessions: set[Session] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, path: Path) -> None:
        """Listen at ``path``, replacing what a dead broker left there. The caller holds the broker's lock."""
        if self._server is not None:
            self._server.close()
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._session, os.fspath(path), backlog=128)
        path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening, end all sessions and wait for their requests."""
        if self._server is not None:
            self._server.close()
        reason = TabAgentError(ErrorCode.SHUTTING_DOWN, "TabAgent is shutting down. Ask again: it restarts.")
        tasks = [task for session in self.sessions for task in session.close(reason)]
        if tasks:
            await asyncio.wait(tasks)

    def _session(self) -> Session:
        return Session(self._router, self.sessions.add, self.sessions.discard)


class Session(asyncio.Protocol):
    """One connection: requests in, events out."""

    def __init__(
        self, router: HandlerRouter, joined: Callable[[Session], None], left: Callable[[Session], None]
    ) -> None:
        self._router = router
        self._joined, self._left = joined, left
        self._connection = ServerConnection()
        self._tasks: dict[RequestId, asyncio.Task[dict[str, Any]]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._closing: TabAgentError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the peer connected. A peer of another user is cut off."""
        assert isinstance(transport, asyncio.Transport)
        peer: socket.socket = transport.get_extra_info("socket")
        if peer_uid(peer) != os.getuid():
            log.warning("refused a connection of another user")
            transport.abort()
            return
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._transport = transport
        self._joined(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        self._connection.receive_data(data)
        self._serve_received()

    def _serve_received(self) -> None:
        """Act on complete frames, for one turn, and stop reading where the peer does not read its answers."""
        transport = self._transport
        end_of_turn = time.monotonic() + TURN_S
        while transport is not None and not transport.is_closing():
            if transport.get_write_buffer_size() > STOP_READING_BYTES:
                transport.pause_reading()  # until ``resume_writing``
                return
            if time.monotonic() > end_of_turn:
                transport.pause_reading()
                asyncio.get_running_loop().call_soon(self._serve_received)
                return
            event = self._connection.next_event()
            if isinstance(event, Request):
                self._serve(event)
            elif isinstance(event, Refused):
                self._write(event.frames)
                if event.fatal:
                    transport.close()
            else:
                assert isinstance(event, Signal), "a closed connection is closing"
                transport.resume_reading()
                return

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio: the peer is gone; nobody waits for what it asked."""
        self._transport = None
        self._writable.set()
        self.close()
        self._left(self)

    def pause_writing(self) -> None:
        """asyncio: the peer does not read fast enough."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """asyncio: it reads again."""
        self._writable.set()
        self._serve_received()

    def close(self, reason: TabAgentError | None = None) -> list[asyncio.Task[dict[str, Any]]]:
        """Cancel every request and take no more; they end with ``reason``. Returns those that were running."""
        self._closing = reason
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    def send(self, event: dict[str, Any]) -> None:
        """Write an event, unless the peer is gone.

        Raises:
            TabAgentError: an event before the last one cannot be sent. A last one becomes this error.
        """
        if self._transport is None:
            return
        try:
            self._write(self._connection.send(event))
        except ValueError as error:
            log.error("an event cannot be sent: %s", error)
            refused = TabAgentError(ErrorCode.INTERNAL_ERROR, f"The answer cannot be sent. {error}")
            if event["event"] not in TERMINAL_EVENTS:
                raise refused from error
            self._write(self._connection.send(refused.as_event(event["id"])))

    async def writable(self) -> None:
        """Wait until the peer reads."""
        await self._writable.wait()

    def _write(self, frames: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frames)

    def _serve(self, request: Request) -> None:
        task = asyncio.create_task(self._answer(request), name=f"{request.action} {request.id}")
        self._tasks[request.id] = task
        task.add_done_callback(lambda done: self._end(request.id, done))

    async def _answer(self, request: Request) -> dict[str, Any]:
        if self._closing:
            raise self._closing
        if request.action == "cancel":
            return self._cancel(request)
        return await self._router.dispatch(request.message, SessionReply(self, request.id))

    def _end(self, request_id: RequestId, task: asyncio.Task[dict[str, Any]]) -> None:
        """Send the request's last event. A callback, because a task may be cancelled before its first step."""
        del self._tasks[request_id]
        if task.cancelled():
            cancelled = {"id": request_id, "event": "cancelled"}
            self.send(self._closing.as_event(request_id) if self._closing else cancelled)
        elif error := task.exception():
            if not isinstance(error, TabAgentError):
                log.error("request %r failed", request_id, exc_info=error)
                error = TabAgentError(ErrorCode.INTERNAL_ERROR, "TabAgent has a defect; its log has the details.")
            self.send(error.as_event(request_id))
        else:
            self.send({"id": request_id, "event": "done", "result": task.result()})

    def _cancel(self, request: Request) -> dict[str, Any]:
        parsed = parse_request(request.message)
        assert isinstance(parsed, CancelRequest)
        target = self._tasks.get(parsed.target)
        cancelled = target is not None and target is not asyncio.current_task() and target.cancel()
        return {"cancelled": cancelled}


class SessionReply:
    """The way back to the peer for one request."""

    def __init__(self, session: Session, request_id: RequestId) -> None:
        self._session = session
        self._id = request_id

    async def progress(self, stage: str, done: int, total: int, unit: str, **more: str | float | None) -> None:
        """Send a ``progress`` event."""
        event = {"id": self._id, "event": "progress", "stage": stage, "done": done, "total": total, "unit": unit}
        self._session.send({**event, **more})
        await self._session.writable()

    async def token(self, text: str, **more: Any) -> None:
        """Send a ``token`` event and wait while the peer does not read."""
        self._session.send({"id": self._id, "event": "token", "text": text, **more})
        await self._session.writable()
