"""Row S27: a program of another person of this machine is not taken for Ollama or LM Studio."""

from __future__ import annotations

import json
import multiprocessing
import os
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from backends.http import listeners
from native_host.settings.schema import LM_STUDIO_URL, OLLAMA_URL
from tabagent_harness import HostProcess
from tests.engines.servers.asking import HELLO, Install, names

STRANGER = 54321
SERVICE = 321
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program as another user")


class _Handler(BaseHTTPRequestHandler):
    """Lists a model in every dialect, and counts what it is asked."""

    asked: Connection

    def do_GET(self) -> None:
        self.asked.send(self.path)
        body = json.dumps({"models": [{"name": "trap", "model": "trap"}], "data": [{"id": "trap"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(socketserver.TCPServer):
    """A plain server: ``HTTPServer`` imports modules when it starts, in folders that its user may be unable to read."""

    allow_reuse_address = True


def _serve(port: int, user: int, asked: Connection) -> None:
    os.setgid(user)
    os.setuid(user)
    _Handler.asked = asked
    server = _Server(("127.0.0.1", port), _Handler)
    asked.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def server_of(user: int, port: int = 0) -> Iterator[tuple[int, Connection]]:
    """Yield the port of another user's server, and where it reports what it is asked."""
    asked, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(port, user, theirs), daemon=True)
    process.start()
    try:
        assert asked.poll(20)
        yield asked.recv(), asked
    finally:
        process.kill()
        process.join()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@AS_ROOT
@pytest.mark.parametrize(("name", "address"), [("ollama", OLLAMA_URL), ("lm-studio", LM_STUDIO_URL)])
def test_s27_a_strangers_server_is_sent_nothing(install: Install, name: str, address: str) -> None:
    tabagent = install(**{f"{name.replace('-', '_')}_url": address}, server_keys=f"{name}=sk-secret")
    with server_of(STRANGER, port_of(address)) as (_, asked), tabagent.host() as host:
        assert "trap" not in str(names(host))
        error = host.result("chat", model=f"{name}/trap", messages=HELLO)["error"]
        assert error["code"] == "engine_unavailable"
        assert f"the user {STRANGER}" in error["message"]
        assert "TABAGENT_SERVERS=" in error["message"]
        assert not asked.poll(), "nothing is sent to it"


@AS_ROOT
def test_s27_a_service_is_no_stranger(install: Install) -> None:
    tabagent = install(ollama_url=OLLAMA_URL)
    with server_of(SERVICE, port_of(OLLAMA_URL)), tabagent.host() as host:
        assert "ollama/trap" in names(host)


@AS_ROOT
def test_s27_a_server_that_the_user_set_is_used(install: Install) -> None:
    with server_of(STRANGER) as (port, asked), _host(install, port) as host:
        assert "shared/trap" in names(host)
        assert asked.poll(5)


def _host(install: Install, port: int) -> HostProcess:
    return install(servers=f"shared=http://127.0.0.1:{port}").host()


@AS_ROOT
def test_s27_who_listens() -> None:
    with server_of(STRANGER) as (port, _):
        assert listeners.stranger("127.0.0.1", port) == STRANGER
    assert listeners.stranger("127.0.0.1", port) == -1


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: {address}:2CAA 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1001        0 55 1 0 100 0
"""


@pytest.mark.parametrize(
    ("address", "host", "takes"),
    [
        ("0100007F", "127.0.0.1", True),
        ("00000000", "127.0.0.1", True),
        ("0200007F", "127.0.0.1", False),
        ("00000000000000000000000001000000", "::1", True),
        ("00000000000000000000000000000000", "127.0.0.1", True),
        ("0000000000000000FFFF00000100007F", "127.0.0.1", True),
    ],
)
def test_s27_addresses_of_the_kernels_tables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, host: str, takes: bool
) -> None:
    table = tmp_path / "tcp"
    monkeypatch.setattr(listeners, "_TABLES", (table,))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    table.write_text(TABLE.format(address=address, state="0A"))
    assert listeners.stranger(host, 11434) == (1001 if takes else -1)
    table.write_text(TABLE.format(address=address, state="01"))
    assert listeners.stranger(host, 11434) == -1
    monkeypatch.setattr(listeners, "_TABLES", (tmp_path / "no such file",))
    assert listeners.stranger(host, 11434) is None
