"""Rows S20 and S22: stopped brokers, stuck workers and full pipes leave nobody without an answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tabagent_harness import HostProcess
from tests.host.test_frames import frame
from tests.support import Installation, best_of, named

MIB = 1024 * 1024
END_S = 1.5
SILENCE_S = 30
"""The broker may say nothing for 20 s."""
TABAGENT = os.fspath(Path(sys.executable).with_name("tabagent"))


@contextmanager
def stopped_broker(tabagent: Installation) -> Iterator[int]:
    pid = named(tabagent, "native_host.broker").pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def fill(host: HostProcess, frames: Callable[[int], bytes]) -> None:
    """Write frames to the host until it has read nothing for half a second."""
    assert host.process.stdin is not None
    descriptor = host.process.stdin.fileno()
    os.set_blocking(descriptor, False)
    number, waiting, last = 0, memoryview(b""), time.monotonic()
    while time.monotonic() - last < 0.5:
        if not waiting:
            number += 1
            waiting = memoryview(frames(number))
        try:
            waiting = waiting[os.write(descriptor, waiting) :]
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)


def seconds_to_end(host: HostProcess) -> float:
    assert host.process.stdin is not None
    began = time.monotonic()
    host.process.stdin.close()
    assert host.process.wait(20) == 0
    return time.monotonic() - began


def test_s20_end_of_file_while_the_broker_takes_nothing(tabagent: Installation) -> None:
    def large(number: int) -> bytes:
        return frame(json.dumps({"id": number, "action": "hello", "x": "x" * 15 * MIB}).encode())

    def seconds() -> float:
        host = tabagent.host()
        host.result("hello")
        with stopped_broker(tabagent):
            fill(host, large)
            return seconds_to_end(host)

    assert best_of(seconds, END_S) < END_S


def test_s20_end_of_file_while_the_browser_reads_nothing(tabagent: Installation) -> None:
    def seconds() -> float:
        host = tabagent.host()
        host.result("hello")
        host.pause_reading()
        fill(host, lambda _: frame(b"x") * 1000)
        return seconds_to_end(host)

    assert best_of(seconds, END_S) < END_S


def test_s22_a_stopped_broker_is_told(tabagent: Installation) -> None:
    with tabagent.host() as host:
        host.result("hello")
        with stopped_broker(tabagent) as pid:
            request = host.send("status")
            command = [TABAGENT, "ps", "--json"]
            with subprocess.Popen(command, env=tabagent.environ, stdout=subprocess.PIPE, text=True) as listing:
                error = list(host.events(request, timeout_s=SILENCE_S))[-1]["error"]
                assert error["code"] == "broker_unavailable"
                assert error["retryable"] is True
                assert "tabagent stop" in error["message"]
                said, _ = listing.communicate(timeout=SILENCE_S)
                assert json.loads(said)["error"]["code"] == "broker_unavailable"
            ended = subprocess.run(
                [TABAGENT, "stop", "--json"], env=tabagent.environ, stdout=subprocess.PIPE, timeout=20, check=True
            )
            assert json.loads(ended.stdout)["pid"] == pid
            again = host.result("status", timeout_s=SILENCE_S)
            assert again["event"] == "done", (again, host.stderr)
            assert again["result"]["pid"] != pid
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
            restarted = named(tabagent, "native_host.broker").pid
            assert restarted != pid


def test_s22_a_full_backlog_is_waited_for(tabagent: Installation) -> None:
    with tabagent.host() as first, ExitStack() as connections:
        first.result("hello")
        (path,) = Path(tabagent.environ["TABAGENT_RUNTIME_DIR"]).rglob("*.sock*")
        with stopped_broker(tabagent):
            for _ in range(5000):
                connection = connections.enter_context(socket.socket(socket.AF_UNIX))
                connection.setblocking(False)
                try:
                    connection.connect(os.fspath(path))
                except BlockingIOError:
                    break
            else:
                pytest.fail("the backlog has no end")
            late = connections.enter_context(tabagent.host())
            request = late.send("hello")
            time.sleep(2)
            assert late.process.poll() is None
        assert list(late.events(request, timeout_s=20))[-1]["event"] == "done"


def test_s22_the_request_after_a_cancel_of_a_stuck_worker(install: Callable[..., Installation]) -> None:
    tabagent = install(cancel_grace_s=1)
    with tabagent.host() as host:
        model = tabagent.chaos_model()
        stuck = host.send("generate", prompt=json.dumps({"tokens": 9, "fault": "hang", "at": 2}), **model)
        next(event for event in host.events(stuck) if event["event"] == "token")
        worker = named(tabagent, "backends.worker").pid
        time.sleep(0.3)
        host.result("cancel", target=stuck)
        later = [host.send("generate", prompt='{"tokens": 3}', **model) for _ in range(3)]
        for request in later:
            last = list(host.events(request, timeout_s=30))[-1]
            assert last["event"] == "done", last
            assert last["result"]["text"] == "0 1 2 "
        assert named(tabagent, "backends.worker").pid != worker
