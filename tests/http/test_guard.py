"""Rows T17-T19, T21: who is refused, in which order, and that no handler ran for any of them."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from native_host.transports.http import server as http_server
from tests.http.guarded import EXTENSION, MAX_BODY, PAGE, TOKEN, Guarded, complete


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    it = Guarded(body_limit_s=1.0)
    yield it
    it.close()


BASIC = base64.b64encode(f"x:{TOKEN}".encode()).decode()

HOSTS: list[Any] = [
    None, "", "127.0.0.1", "localhost", "127.0.0.1:1", "localhost:80", "evil.example", "evil.example:PORT",
    "127.0.0.1.evil.example:PORT", "127.0.0.1:PORT.evil.example", "127.0.0.1:PORT/x?", "127.0.0.1:PORT#", "#:PORT",
    "user@127.0.0.1:PORT", "127.0.0.1:PORT,evil.example", "localhost.:PORT", "0.0.0.0:PORT", "127.1:PORT",
    "2130706433:PORT", "[::]:PORT", "[::ffff:127.0.0.1]:PORT", "127.0.0.1:0PORT", "127.0.0.1:+PORT",
    ["127.0.0.1:PORT", "127.0.0.1:PORT"], ["127.0.0.1:PORT", "evil.example"], ["evil.example", "127.0.0.1:PORT"],
]  # fmt: skip
ORIGINS: list[Any] = [
    "null", "", "https://evil.example", "http://allowed.example", "https://allowed.example:444",
    "https://allowed.example/",
    "https://ALLOWED.example", "https://allowed.example.evil.example", "https://sub.allowed.example", "*",
    EXTENSION + "x", "chrome-extension://zzzzzzzzzzzzzzzz", "moz-extension://abcdefghijklmnop", "file://", "http://localhost:PORT",
    "https://127.0.0.1:PORT", "http://127.0.0.1", "http://127.0.0.1:1", [PAGE, PAGE], [PAGE, "https://evil.example"],
]  # fmt: skip
TOKENS: list[dict[str, Any]] = [
    {"Authorization": None}, {"Authorization": ""}, {"Authorization": TOKEN}, {"Authorization": "Bearer"},
    {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN.upper()}"}, {"Authorization": "Bearer null"}, {"Authorization": f"Basic {BASIC}"},
    {"Authorization": [f"Bearer {TOKEN}", "Bearer other"]}, {"Authorization": None, "X-Api-Key": "other"},
    {"X-Api-Key": "other"}, {"Authorization": "Bearer other", "X-Api-Key": TOKEN}, {"Authorization": f"Token {TOKEN}"},
    {"Authorization": None, "X-Auth-Token": TOKEN}, {"Authorization": None, "Cookie": f"token={TOKEN}"},
    {"Authorization": None, "X-Forwarded-User": "root", "X-Real-IP": "127.0.0.1"},
    {"Authorization": None, ":path": f"/v1/x?token={TOKEN}"}, {"Authorization": None, ":path": "//healthz"},
    {"Authorization": None, ":path": "/healthz/../v1/x"}, {"Authorization": None, ":path": "/healthz"},
    {"Authorization": None, ":path": "/docs", ":method": "GET"},
    {"Authorization": None, ":path": "/healthz/", ":method": "GET"},
    {"Authorization": f"Basic {BASIC}", ":path": "/v1/x", ":method": "GET"}, {"Authorization": "Bearer \xff\xfe"},
]  # fmt: skip
FORMS: list[tuple[dict[str, Any], int]] = [
    *(({":method": method}, 405) for method in ("PUT", "PATCH", "head", "OPTIONS", "TRACE", "CONNECT", "get", "X")),
    *(
        ({"Content-Type": kind}, 415)
        for kind in (None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                     "application/jsonx", "text/plain; application/json", "application/json, text/plain",
                     ["application/json", "text/plain"], "application/xml")
    ),
    ({"Content-Encoding": "gzip"}, 415),
    ({":body": b"", "Content-Type": None}, 415),
    ({"Upgrade": "websocket", "Connection": "Upgrade", ":method": "GET"}, 400),
    ({"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"}, 400),
    ({":body": b" " * (MAX_BODY + 1)}, 413),
    ({"Content-Length": str(10**18)}, 413),
    ({"Content-Length": "-1"}, 400),
    ({"Content-Length": ["2", "3"]}, 400),
    ({"Content-Length": "2", "Transfer-Encoding": "chunked", ":body": b"0\r\n\r\n"}, 400),
    ({":method": "GET", "Content-Length": "2", ":body": b"{}"}, 413),
]  # fmt: skip

REFUSED: list[tuple[dict[str, Any], int]] = [
    *(({"Host": host}, 421) for host in HOSTS),
    *(({"Origin": origin}, 403) for origin in ORIGINS),
    *((changes, 401) for changes in TOKENS),
    *FORMS,
    *(({"Sec-Fetch-Site": site}, 403) for site in ("cross-site", "same-site")),
    *(({"Sec-Fetch-Site": site, ":method": "GET", ":path": "/healthz"}, 403) for site in ("cross-site", "same-site")),
    ({"Host": "evil.example:PORT", ":method": "GET", ":path": "/healthz"}, 421),
    ({"Origin": "https://evil.example", ":method": "GET", ":path": "/healthz"}, 403),
    ({":method": "OPTIONS", "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 403),
    ({":method": "OPTIONS", "Access-Control-Request-Method": "POST", "Authorization": None}, 401),
]


@pytest.mark.parametrize(("changes", "status"), REFUSED, ids=lambda it: str(it)[:60])
def test_it_is_refused_and_no_handler_runs(guarded: Guarded, changes: dict[str, Any], status: int) -> None:
    before = guarded.ran
    got, text = guarded.ask(guarded.request(changes))
    assert got in ({status, 400} if status == 421 else {status}), text  # h11 itself refuses what is no Host at all
    assert guarded.ran == before
    assert TOKEN not in text
    assert "access-control-allow-origin: *" not in text.lower()


def test_there_are_enough_cases() -> None:
    assert len(REFUSED) >= 60


BAD = {"Host": "evil.example", "Origin": "https://evil.example", "Authorization": "Bearer x", ":method": "PUT",
       "Content-Type": "text/plain"}  # fmt: skip
ORDER = [("Host", {421}), ("Origin", {403}), ("Authorization", {401}), (":method", {405}), ("Content-Type", {415})]


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(range(len(ORDER)), 2)])
def test_the_order_of_the_checks(guarded: Guarded, first: int, second: int) -> None:
    names = [ORDER[first][0], ORDER[second][0]]
    assert guarded.ask(guarded.request({name: BAD[name] for name in names}))[0] in ORDER[first][1]


ALLOWED: list[dict[str, Any]] = [
    {}, {"Host": "localhost:PORT"}, {"Host": "LOCALHOST:PORT"}, {"Host": "[::1]:PORT"}, {"Origin": EXTENSION},
    {"Origin": PAGE}, {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"},
    {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-origin"}, {"Authorization": None, "X-Api-Key": TOKEN},
    {"X-Api-Key": TOKEN}, {"Authorization": f"bearer {TOKEN}"}, {"Content-Type": "application/json; charset=utf-8"},
    {"Content-Type": "Application/JSON"}, {":method": "GET"}, {":method": "DELETE", ":body": b"{}"},
    {":method": "GET", ":path": "/healthz", "Authorization": None}, {":body": b" " * MAX_BODY},
    {":method": "GET", ":path": "/docs", "Authorization": f"Basic {BASIC}"},
    {":method": "HEAD", "Content-Type": None, "Content-Length": None, "Connection": "close"},
    {":method": "HEAD", ":path": "/healthz", "Authorization": None, "Content-Type": None, "Connection": "close"},
]  # fmt: skip


@pytest.mark.parametrize("changes", ALLOWED, ids=lambda it: str(it)[:60])
def test_it_is_allowed(guarded: Guarded, changes: dict[str, Any]) -> None:
    before = guarded.ran
    status, text = guarded.ask(guarded.request(changes))
    assert (status, guarded.ran) == (200, before + 1), text
    if changes.get("Origin"):
        assert f"access-control-allow-origin: {changes['Origin']}".replace("PORT", str(guarded.port)) in text


@pytest.mark.parametrize("origin", [EXTENSION, PAGE])
def test_a_preflight_of_an_allowed_page_is_answered_exactly(guarded: Guarded, origin: str) -> None:
    before = guarded.ran
    status, text = guarded.ask(
        guarded.request(
            {
                ":method": "OPTIONS",
                "Authorization": None,
                "Content-Type": None,
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
                "Access-Control-Request-Private-Network": "true",
            }
        )
    )
    assert (status, guarded.ran) == (204, before)
    assert f"access-control-allow-origin: {origin}" in text
    assert "access-control-allow-headers: authorization,content-type,x-stainless-lang" in text
    assert "access-control-allow-private-network: true" in text
    assert "access-control-allow-credentials" not in text
    assert "vary: Origin" in text


def test_an_allowed_page_can_read_why_it_was_refused(guarded: Guarded) -> None:
    status, text = guarded.ask(guarded.request({"Origin": PAGE, "Authorization": None}))
    assert status == 401
    assert f"access-control-allow-origin: {PAGE}" in text


def test_head_has_the_head_alone_and_needs_the_token(guarded: Guarded) -> None:
    asked = {":method": "HEAD", "Content-Type": None, "Connection": "close"}
    for changes, status in (({}, 200), ({"Authorization": None}, 401)):
        got, text = guarded.ask(guarded.request({**asked, **changes}))
        assert got == status
        assert "content-length: " in text
        assert text.endswith("\r\n\r\n")


def test_an_upgrade_is_refused_without_advice(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", ":method": "GET"}
    assert guarded.ask(guarded.request(upgrade))[0] == 400
    assert not caplog.text


def test_two_lengths_end_the_connection(guarded: Guarded) -> None:
    """Whoever takes the other length would see another request in what follows (RFC 9112, section 6.1)."""
    before = guarded.ran
    head = guarded.request({"Content-Length": "4", "Transfer-Encoding": "chunked", ":body": b""})
    status, text = guarded.ask(head + b"0\r\n\r\n" + guarded.request({":method": "GET"}))
    assert (status, text.count("HTTP/1.1 ")) == (400, 1)
    assert "connection: close" in text.casefold()
    assert guarded.ran == before


def test_a_body_in_chunks_is_counted(guarded: Guarded) -> None:
    before = guarded.ran
    head = guarded.request({"Content-Length": None, "Transfer-Encoding": "chunked", ":body": b""})
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    assert guarded.ask(head + chunk * 11 + b"0\r\n\r\n")[0] == 413
    assert guarded.ran == before
    assert guarded.ask(head + chunk * 10 + b"0\r\n\r\n")[0] == 200


@pytest.mark.parametrize("body", [b"", b"{"])
def test_a_body_that_does_not_come_is_given_up(guarded: Guarded, body: bytes) -> None:
    before = guarded.ran
    assert guarded.ask(guarded.request({"Content-Length": "100", ":body": body}))[0] == 408
    assert guarded.ran == before


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_a_head_that_does_not_come_is_given_up(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_LIMIT_S", 0.3)
    it = Guarded()
    try:
        assert it.ask(head)[0] == 0
        request = it.request({":method": "GET", ":path": "/healthz"})
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as connection:
            connection.sendall(request)
            answer = b""
            while not complete(answer):
                answer += connection.recv(65536)
            connection.sendall(b"GET /healthz HTTP/1.1\r\n")  # the head of the next one on the same connection
            assert connection.recv(65536) == b""
    finally:
        it.close()


def test_a_client_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SEND_STALL_S", 0.3)
    it = Guarded()
    ended = threading.Event()

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0)
        finally:
            ended.set()

    it.guard._app = flood
    try:
        with socket.create_connection(("127.0.0.1", it.port)) as connection:
            connection.sendall(it.request())
            assert ended.wait(10)
    finally:
        it.close()


@pytest.mark.parametrize(
    "junk",
    [
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 70_000,
    ],
)
def test_what_is_no_http_is_refused(guarded: Guarded, junk: bytes) -> None:
    before = guarded.ran
    assert guarded.ask(junk + b"\r\n\r\n")[0] in {0, 400, 421}
    assert guarded.ran == before
    assert guarded.ask(guarded.request({":method": "GET", ":path": "/healthz"}))[0] == 200
