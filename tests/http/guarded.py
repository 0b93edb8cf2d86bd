"""A guard on a real socket, before an application that does nothing but count."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

from native_host.transports.http import server as http_server
from native_host.transports.http.access import Access
from native_host.transports.http.guard import Guard

TOKEN = "the-token-of-these-tests"
EXTENSION = "chrome-extension://abcdefghijklmnop"
PAGE = "https://allowed.example"
MAX_BODY = 10 * 1024


class Guarded:
    """A guard on a real socket before an application that counts how often it ran."""

    def __init__(self, **limits: float) -> None:
        self.ran = 0
        self.asked = 0
        """Requests that came as far as the guard."""
        self._socket = http_server.listen("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        hosts = frozenset({"127.0.0.1", "localhost", "[::1]"})
        self.access = Access(self.port, hosts, frozenset({EXTENSION, PAGE}), TOKEN)
        self.guard = Guard(self._count, self.access, max_body=MAX_BODY, **limits)
        self._server = http_server.server(self._ask)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._socket])), daemon=True
        )
        self._thread.start()

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    async def _ask(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self.guard(scope, receive, send)

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        self.ran += 1
        content = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok" if len(content) <= MAX_BODY else b"no"})

    def ask(self, raw: bytes) -> tuple[int, str]:
        """Status, and head and body together; status 0 where the connection was closed without an answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(raw)
            answer = b""
            while not complete(answer) and (data := connection.recv(65536)):
                answer += data
        text = answer.decode("latin-1")
        return (int(text.split(" ", 2)[1]) if text else 0), text

    def request(self, changes: dict[str, Any] | None = None) -> bytes:
        """A request that is allowed, with headers changed: None removes one, a list repeats it."""
        changes = dict(changes or {})
        method, path = changes.pop(":method", "POST"), changes.pop(":path", "/v1/x")
        body = changes.pop(":body", b"{}" if method == "POST" else b"")
        headers: dict[str, Any] = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {TOKEN}"}
        if method != "GET":
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        headers |= changes
        lines = [
            f"{name}: {str(one).replace('PORT', str(self.port))}"
            for name, value in headers.items()
            for one in (value if isinstance(value, list) else [value])
            if one is not None
        ]
        return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


def complete(answer: bytes) -> bool:
    head, end, content = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = [line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length")]
    return bool(length) and len(content) >= int(length[0])
