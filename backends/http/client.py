"""Requests to one server. Redirects are not followed, so a key goes nowhere but where it is meant to.

A streamed request has a connection of its own: cancelling shuts its socket, in prefill too, and the server notices.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from backends.contract import Server
from backends.http import listeners
from backends.http.errors import ServerErrors
from backends.http.fields import parse
from backends.http.lines import LineTooLong, split_lines
from backends.text.control import Control

MAX_BODY = 256 * 1024 * 1024
MAX_ERROR = 64 * 1024
_USER_AGENT = "tabagent"


class ServerClient:
    """JSON in and out. Calls may come from several threads."""

    def __init__(self, server: Server, failed: str, root: str | None = None) -> None:
        """``failed``: the code of errors that have no better one. Paths begin at ``root``, or else at its address."""
        self.errors = ServerErrors(server, failed)
        self._stall_s = server.stall_s
        self._is_guessed = server.is_guessed
        self._root = server.url if root is None else root
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx2.Client(
            headers={"User-Agent": _USER_AGENT, **({"Authorization": f"Bearer {server.key}"} if server.key else {})},
            timeout=httpx2.Timeout(server.stall_s, connect=server.connect_s),
            limits=limits,
            follow_redirects=False,
            # A transport of our own asks no proxy of the environment, which knows nothing of this machine.
            transport=httpx2.HTTPTransport(limits=limits) if _is_loopback(server.url) else None,
        )

    def get(self, path: str) -> dict[str, Any]:
        """The object at ``path``.

        Raises:
            EngineError
        """
        return self._object("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The object that answers ``body``.

        Raises:
            EngineError
        """
        return self._object("POST", path, body)

    def lines(self, path: str, body: Mapping[str, Any], control: Control) -> Iterator[str]:
        """Lines of an answer as they come; ``control`` ends it at any time.

        Raises:
            EngineError
            GenerationCancelled
        """
        connection = self._connection()
        with (
            control.interruptible(connection.shut),
            _cancel_seen(control),
            self.errors.mapped(),
            self._open("POST", path, body, connection) as response,
        ):
            try:
                yield from split_lines(_bounded(response.iter_bytes(), control))
            except LineTooLong:
                raise self.errors.nonsense("", "lines") from None
            except _TooLong:
                raise self.errors.too_long(MAX_BODY) from None

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def _object(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        with self.errors.mapped(), self._open(method, path, body) as response:
            content = self._read(response, MAX_BODY + 1)
        if len(content) > MAX_BODY:
            raise self.errors.too_long(MAX_BODY)
        found = parse(content)
        if not isinstance(found, dict):
            raise self.errors.nonsense(content.decode("utf-8", "replace"), "a JSON object")
        return found

    def _connection(self) -> _Connection:
        return _Connection(self._refuse_strangers if self._is_guessed else None)

    def _refuse_strangers(self, connection: socket.socket) -> None:
        """Send nothing to a program of another person on this machine.

        Raises:
            EngineError: ``engine_unavailable``.
        """
        host, port, *_ = connection.getpeername()
        user = listeners.stranger(host, port)
        if user is not None:
            connection.close()
            raise self.errors.stranger(user)

    @contextlib.contextmanager
    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, connection: _Connection | None = None
    ) -> Iterator[httpx2.Response]:
        extensions = {"trace": (connection or self._connection()).trace}
        url = f"{self._root}{path}"
        with self._client.stream(method, url, json=body, extensions=extensions) as response:
            if response.status_code != httpx2.codes.OK:
                said = self._read(response, MAX_ERROR).decode("utf-8", "replace")
                raise self.errors.refusal(response.status_code, said, response.headers.get("Location", ""))
            yield response

    def _read(self, response: httpx2.Response, limit: int) -> bytes:
        """The body, or its beginning; it must be there in the time that one silence may last."""
        content = bytearray()
        deadline = time.monotonic() + self._stall_s
        for piece in response.iter_bytes():
            content += piece
            if len(content) > limit:
                break
            if time.monotonic() > deadline:
                raise httpx2.ReadTimeout("the body comes too slowly")
        return bytes(content[:limit])


class _Connection:
    """The socket of one request, once it is connected."""

    def __init__(self, check: Callable[[socket.socket], None] | None) -> None:
        """``check`` is called once it is connected, before anything is sent."""
        self._check = check
        self._socket: socket.socket | None = None
        self._is_shut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """The HTTP library's report of what it does."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_shut:
                self.shut()
        if event.endswith("connect_tcp.complete") and self._check is not None:
            self._check(info["return_value"].get_extra_info("socket"))

    def shut(self) -> None:
        """From another thread: whoever waits for this connection wakes up."""
        self._is_shut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which would wait for the other side


@contextlib.contextmanager
def _cancel_seen(control: Control) -> Iterator[None]:
    """What a cancel breaks is no error."""
    try:
        yield
    except Exception:
        control.check()
        raise


class _TooLong(Exception):
    """A stream exceeds ``MAX_BODY``."""


def _bounded(pieces: Iterable[bytes], control: Control) -> Iterator[bytes]:
    """Every byte shows that the server works, also those that mean nothing; a stream without end is ended.

    Raises:
        _TooLong
    """
    received = 0
    for piece in pieces:
        control.check()
        received += len(piece)
        if received > MAX_BODY:
            raise _TooLong
        yield piece


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
