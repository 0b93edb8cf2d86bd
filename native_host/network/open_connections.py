"""The connections that an HTTP client has opened, so that another thread can end reads that wait on them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Any


class OpenConnections:
    """Connections of one client. ``note`` is its ``trace`` extension."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_shut_down = False

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the socket of a new connection. httpcore calls this for every step of a request."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        connection = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets = [known for known in self._sockets if known.fileno() >= 0] + [connection]
            if self._is_shut_down:
                _shut_down(connection)

    def shut_down(self) -> None:
        """End all reads, now and later, from any thread."""
        with self._lock:
            self._is_shut_down = True
            for connection in self._sockets:
                _shut_down(connection)


def _shut_down(connection: socket.socket) -> None:
    """End reads of ``connection`` in other threads. TLS's own ``shutdown`` would take its state away under them."""
    with contextlib.suppress(OSError):  # closed already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
