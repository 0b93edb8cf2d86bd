"""Clients that hold on to a connection, or let go of it in a way of their own: nothing is kept for them."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from native_host.transports.http import guard as http_guard
from native_host.transports.http import server as http_server
from native_host.transports.http.own import PREFIX
from tabagent_harness.http_process import HttpProcess
from tests.http.guarded import TOKEN, Guarded
from tests.support import Installation, eventually

ENDLESS = '{"tokens": 10000000, "size": 20000, "text": "x"}'
TURNS: Any = [{"role": "user", "content": ENDLESS}]
SIZE = 24_000_000
CHAOS: Any = {"model": "chaos", "engine": "chaos", "stream": True}


@contextmanager
def _answering(content: bytes) -> Iterator[tuple[Guarded, socket.socket]]:
    """A server whose every answer is this, larger than what systems buffer, and a connection to it."""
    it = Guarded()

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    it.guard._app = answer
    try:
        with socket.create_connection(("127.0.0.1", it.port), timeout=30) as connection:
            yield it, connection
    finally:
        it.close()


def sockets(pid: int) -> int:
    return sum(os.readlink(it).startswith("socket:") for it in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**CHAOS, "messages": TURNS}),
        ("/v1/completions", {**CHAOS, "prompt": ENDLESS, "n": 2}),
        ("/v1/messages", {**CHAOS, "messages": TURNS, "max_tokens": 9}),
        ("/api/generate", {"model": "chaos", "prompt": ENDLESS, "raw": True, "options": {"engine": "chaos"}}),
        (f"{PREFIX}/generate", {**CHAOS, "prompt": ENDLESS}),
    ],
)
def test_an_answer_that_nobody_reads_is_let_go(
    install: Callable[..., Installation], path: str, body: dict[str, Any]
) -> None:
    """Its slot, the broker's request and its socket."""
    tabagent = install(http_max_concurrent=1)
    model = tabagent.chaos_model()
    with HttpProcess(tabagent, limits={"SEND_STALL_S": 0.5}) as http:
        http.post(f"{PREFIX}/load_model", **model).raise_for_status()
        before = sockets(http.process.pid)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", http.port))
            connection.sendall(http.raw("POST", path, body))
            eventually(lambda: "chaos was cancelled" in tabagent.log(), timeout_s=30)
            eventually(lambda: http.active_requests() == 0)
            eventually(lambda: sockets(http.process.pid) <= before)
            assert http.post(f"{PREFIX}/generate", prompt='{"tokens": 1}', **model).status_code == 200
        assert "Traceback" not in http.stderr


def test_a_whole_answer_that_nobody_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SEND_STALL_S", 0.3)
    with _answering(b"x" * SIZE) as (it, connection):
        connection.sendall(it.request({"Connection": "close"}))
        eventually(lambda: it.connections == 1)
        eventually(lambda: it.connections == 0)


def test_whoever_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SEND_STALL_S", 1.0)
    with _answering(b"x" * SIZE) as (it, connection):
        connection.sendall(it.request({"Connection": "close"}))
        got = 0
        while piece := connection.recv(1_000_000, socket.MSG_WAITALL):
            got += len(piece)
            time.sleep(0.1)
        assert got > SIZE


@pytest.mark.parametrize("announced", ["Content-Length: 9999", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("shown", ["", f"Authorization: Bearer {TOKEN}\r\n"])
def test_a_refused_body_does_not_keep_the_connection(announced: str, shown: str) -> None:
    it = Guarded(body_limit_s=0.3)
    try:
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\n{shown}{announced}\r\n\r\n".encode())
            head = connection.recv(65536)
            assert head.split()[1] == (b"413" if shown and "9999" in announced else b"408" if shown else b"401")
            assert b"connection: close" in head.lower()
            with suppress(OSError):
                connection.sendall(b"x")  # would end the wait for a next request
            eventually(lambda: it.connections == 0)
    finally:
        it.close()


@pytest.mark.parametrize("after", [b"\r\n", b"GET /healthz HTTP/1.1\r\n", b"x" * (2 * http_server.MAX_HEAD_BYTES)])
def test_a_client_that_said_more_is_seen_to_leave(after: bytes) -> None:
    it = Guarded()
    begun, ended = threading.Event(), threading.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    it.guard._app = wait
    try:
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as connection:
            connection.sendall(it.request())
            assert begun.wait(10)
            connection.sendall(after)
            if len(after) > http_server.MAX_HEAD_BYTES:
                assert ended.wait(10)
        assert ended.wait(10)
    finally:
        it.close()


def test_requests_one_after_another_without_waiting_are_answered() -> None:
    it = Guarded()
    try:
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as connection:
            connection.sendall(it.request() * 3 + it.request({"Connection": "close"}))
            answers = b""
            while piece := connection.recv(65536):
                answers += piece
        assert answers.count(b" 200 OK") == it.ran == 4
    finally:
        it.close()


def test_s13_silent_connections_without_a_token_keep_no_one_from_being_answered() -> None:
    it = Guarded()
    silent: list[socket.socket] = []
    try:
        for number in range(300):
            connection = socket.create_connection(("127.0.0.1", it.port), timeout=20)
            silent.append(connection)
            if number % 2:
                connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost:")  # a head that is never complete
        begun = time.monotonic()
        status, _ = it.ask(it.request())
        assert (status, it.ran) == (200, 1)
        assert time.monotonic() - begun < 2
        assert it.connections <= http_server.MAX_CONNECTIONS + 1
    finally:
        for connection in silent:
            connection.close()
        it.close()


def test_s13_authorised_requests_beyond_the_limit_are_refused_in_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "MAX_AUTHORISED", 1)
    it = Guarded()
    try:
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as connection:
            connection.sendall(it.request({"Content-Length": "5"})[:-2])
            eventually(lambda: it.asked == 1)
            status, answer = it.ask(it.request())
        assert (status, "retry-after: 2" in answer.lower()) == (429, True)
        eventually(lambda: it.ask(it.request())[0] == 200)
    finally:
        it.close()
