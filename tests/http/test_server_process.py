"""The HTTP process: its token, its address, a port that is taken; and that nothing listens unless it is asked for."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from native_host.transports.http.own import PREFIX
from tabagent_harness.http_process import HttpProcess
from tests.support import Installation, eventually, processes


def start(installation: Installation, **settings: object) -> subprocess.CompletedProcess[str]:
    variables = {f"TABAGENT_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "native_host.http_server"],
        env={**installation.environ, "TABAGENT_HTTP_PORT": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def listening(pids: set[int]) -> list[str]:
    """Sockets of TCP and UDP that these processes listen on or are bound to."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (table.startswith("udp") or fields[3] == "0A"):
                found.append(f"{table} {fields[1]}")
    return found


def pids(installation: Installation) -> set[int]:
    runtime = installation.environ["TABAGENT_RUNTIME_DIR"]
    return {it.pid for it in processes() if it.environ.get("TABAGENT_RUNTIME_DIR") == runtime}


def test_nothing_listens_unless_it_is_asked_for(tabagent: Installation) -> None:
    with tabagent.host() as host:
        host.result("generate", prompt='{"tokens": 1}', **tabagent.chaos_model())
        running = pids(tabagent)
        assert len(running) >= 3  # host, broker, worker
        assert listening(running) == []
        with HttpProcess(tabagent) as http:
            assert len(listening({http.process.pid})) == 1


def test_the_token_is_made_once_for_its_owner_alone(tabagent: Installation) -> None:
    with HttpProcess(tabagent) as first:
        path = tabagent.root / "config" / "http-token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(first.token) >= 32
        with HttpProcess(tabagent) as second:
            assert second.token == first.token
        assert [it.name for it in path.parent.iterdir()] == ["http-token"]


def test_ten_mebibytes_and_a_byte_are_too_many(tabagent: Installation) -> None:
    with HttpProcess(tabagent) as http:
        largest = 10 * 1024 * 1024
        for length, status in {largest: b"400", largest + 1: b"413"}.items():
            with socket.create_connection(("127.0.0.1", http.port), timeout=30) as connection:
                head = http.raw("POST", "/v1/embeddings", {}).partition(b"Content-Length")[0]
                connection.sendall(head + f"Content-Length: {length}\r\n\r\n".encode())
                connection.sendall(b" " * length if length == largest else b"")
                assert connection.recv(4096).split()[1] == status


def test_many_first_starts_agree_on_one_token(tabagent: Installation) -> None:
    def token(_: int) -> str:
        with HttpProcess(tabagent) as http:
            assert http.client.get(f"{PREFIX}/status").status_code == 200
            return http.token

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(token, range(4)))) == 1


@pytest.mark.parametrize("content", ["2short", "", "with space in it and long enough", "é" * 20])
def test_a_token_that_is_none_is_refused(tabagent: Installation, content: str) -> None:
    path = tabagent.root / "token"
    path.touch(mode=0o600)
    path.write_text(content)
    ended = start(tabagent, http_token_file=path)
    assert ended.returncode == 1
    assert str(path) in ended.stderr
    assert not content or content not in ended.stderr


def test_a_token_that_others_can_read_is_refused(tabagent: Installation) -> None:
    path = tabagent.root / "token"
    path.write_text("a-token-that-is-long-enough")
    path.chmod(0o644)
    ended = start(tabagent, http_token_file=path)
    assert ended.returncode == 1
    assert f"chmod 600 {path}" in ended.stderr


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_an_address_beyond_this_machine_needs_a_token_of_the_users_own(tabagent: Installation, address: str) -> None:
    ended = start(tabagent, http_host=address)
    assert ended.returncode == 1
    assert "http_token_file" in ended.stderr


def test_with_both_it_is_served_by_address_but_not_by_name(tabagent: Installation) -> None:
    path = tabagent.root / "token"
    path.touch(mode=0o600)
    path.write_text("a-token-that-is-long-enough\n")
    with HttpProcess(tabagent, http_host="0.0.0.0", http_token_file=path) as http:
        url = f"http://127.0.0.1:{http.port}/healthz"
        for host, status in {f"192.0.2.7:{http.port}": 200, f"evil.example:{http.port}": 421}.items():
            assert http.client.get(url, headers={"Host": host}).status_code == status


@pytest.mark.skipif(sys.platform == "darwin", reason="loopback is 127.0.0.1 alone")
def test_another_loopback_address_answers_by_its_name(tabagent: Installation) -> None:
    with HttpProcess(tabagent, http_host="127.0.0.2") as http:
        assert http.client.get("/healthz").status_code == 200


def test_an_origin_is_meant_as_browsers_write_it(tabagent: Installation) -> None:
    given = "HTTPS://Allowed.Example:443,http://other.example:80,https://third.example:80"
    with HttpProcess(tabagent, http_origins=given) as http:
        for origin, status in {
            "https://allowed.example": 200,
            "http://other.example": 200,
            "https://third.example:80": 200,
            "https://third.example": 403,
            "http://allowed.example": 403,
        }.items():
            assert http.client.get("/healthz", headers={"Origin": origin}).status_code == status


def test_a_port_that_is_taken_is_an_error_of_its_own(tabagent: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = start(tabagent, http_port=port)
    assert ended.returncode == 3
    assert f"port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_also_while_it_answers(tabagent: Installation, how: signal.Signals) -> None:
    model = tabagent.chaos_model()
    with HttpProcess(tabagent) as http:
        http.post(f"{PREFIX}/load_model", **model)
        body = {"prompt": '{"tokens": 1000000, "interval_ms": 2}', "stream": True, **model}
        with socket.create_connection(("127.0.0.1", http.port)) as connection:
            connection.sendall(http.raw("POST", f"{PREFIX}/generate", body))
            assert b"200 OK" in connection.recv(4096)
            http.process.send_signal(how)
            assert http.process.wait(10) in (0, -how)
    eventually(lambda: "chaos was cancelled" in tabagent.log())


def test_only_so_many_are_answered_at_once(install: Callable[..., Installation]) -> None:
    """T21: 64 at once; twice the limit is taken, the others are told when to come back."""
    tabagent = install(http_max_concurrent=4)
    model = tabagent.chaos_model()
    with HttpProcess(tabagent) as http:
        http.post(f"{PREFIX}/load_model", **model)
        body = {"prompt": '{"tokens": 1000000, "interval_ms": 2}', "stream": True, **model}
        connections = [socket.create_connection(("127.0.0.1", http.port), timeout=30) for _ in range(64)]
        try:
            for connection in connections:
                connection.sendall(http.raw("POST", f"{PREFIX}/generate", body))
            refused: list[bytes] = []
            with selectors.DefaultSelector() as waiting:
                for connection in connections:
                    waiting.register(connection, selectors.EVENT_READ)
                while len(refused) < 56:
                    ready = waiting.select(timeout=30)
                    assert ready, len(refused)
                    for key, _ in ready:
                        waiting.unregister(key.fileobj)
                        refused += [head for head in [key.fileobj.recv(4096)] if b" 429 " in head]
            status = http.client.get(f"{PREFIX}/status").json()
            assert sum(it["active_requests"] for it in status["models"]) == 4
            assert b"retry-after: " in refused[0].lower()
        finally:
            for connection in connections:
                connection.close()
        eventually(
            lambda: sum(it["active_requests"] for it in http.client.get(f"{PREFIX}/status").json()["models"]) == 0
        )


def test_the_setting_serves_it_as_long_as_the_broker_runs(install: Callable[..., Installation]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tabagent = install(http="true", http_port=port, idle_exit_s=0.5)

    def healthy() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    first = tabagent.broker_pid()
    eventually(healthy, timeout_s=30)
    time.sleep(1.5)  # longer than an idle broker stays
    assert tabagent.broker_pid() == first
    os.kill(first, signal.SIGKILL)
    second = tabagent.broker_pid()
    eventually(lambda: len(listening(pids(tabagent))) == 1 and healthy(), timeout_s=30)
    os.kill(second, signal.SIGTERM)
    eventually(lambda: not pids(tabagent), timeout_s=15)
