"""The listening socket and the HTTP/1.1 server on it: uvicorn, with time limits on what a client does."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT_S = 10.0
MAX_HEAD_BYTES = 32 * 1024
MAX_CONNECTIONS = 256
"""Connections that are kept beside those whose request is being answered."""
SHUTDOWN_S = 1
SEND_STALL_S = 120.0


class PortTaken(Exception):
    """Another program listens there."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTaken: another program has the port.
        OSError: the address cannot be listened on.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)  # asyncio sets TCP_NODELAY only where the protocol is named
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} of {host} is taken by another program; choose another with --http-port or http_port"
            ) from error
        raise
    return listening


def server(app: Any, *, log_level: str = "warning") -> uvicorn.Server:
    """A server for ``app``; run it with ``serve(sockets=[…])``."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            interface="asgi3",
            http=TimedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=log_level.lower(),
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )


class TimedProtocol(H11Protocol):
    """Leaves a client whose head is not whole within ``HEAD_LIMIT_S``, or that reads nothing for ``SEND_STALL_S``."""

    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    active_at = 0.0
    """When the connection was made, or its last head was complete, in the event loop's time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """asyncio: a client is there; its first head is due."""
        super().connection_made(transport)
        self.active_at = self.loop.time()
        self._close_longest_waiting()
        transport.set_write_buffer_limits(high=0)  # whatever is unread is watched, also when the answer is whole
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        super().data_received(data)
        self._watch_head()
        self._keep_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the client is gone."""
        super().connection_lost(exc)
        self._stop_watching()
        self._stop_stall_timer()

    def pause_writing(self) -> None:
        """asyncio: the client does not read as fast as it is answered."""
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """asyncio: it has read everything."""
        super().resume_writing()
        self._stop_stall_timer()

    def _unsupported_upgrade_warning(self) -> None:
        """Uvicorn: advises whoever reads the log to install a websocket library. Upgrades are refused on purpose."""

    def _keep_reading(self) -> None:
        """While a request is answered, what comes after it is of no use, but only who reads notices a client leave."""
        if self.conn.their_state is not h11.DONE or self.cycle.response_complete:
            return
        self.flow.resume_reading()
        if len(self.conn.trailing_data[0]) > MAX_HEAD_BYTES:
            self.transport.abort()

    def _watch_reader(self, unread: int) -> None:
        self._stall_timer = self.loop.call_later(SEND_STALL_S, self._check_reader, unread)

    def _check_reader(self, unread: int) -> None:
        """Abort where nothing was taken. ``close`` would wait for the rest to be read."""
        left = self.transport.get_write_buffer_size()
        if left < unread:
            self._watch_reader(left)
        else:
            self.transport.abort()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _close_longest_waiting(self) -> None:
        """Close the connection that has waited longest for a head, if too many wait.

        Clients without a token can only wait: they cannot keep others from being answered.
        """
        protocols = [connection for connection in self.connections if isinstance(connection, TimedProtocol)]
        waiting = [connection for connection in protocols if connection.is_waiting]
        if len(waiting) > MAX_CONNECTIONS:
            min(waiting, key=lambda connection: connection.active_at).transport.abort()

    @property
    def is_waiting(self) -> bool:
        """True until the head of the connection's next request is complete."""
        return self.conn.their_state is h11.IDLE and not self.transport.is_closing()

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self.active_at = self.loop.time()
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_LIMIT_S, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
