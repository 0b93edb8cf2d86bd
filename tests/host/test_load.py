"""Rows S2, S3, S10, S11 and S13 under one load: with all of it at once, nobody else waits for more than 250 ms."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from tabagent_harness import HostProcess
from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import FakeHub, Fault, Repository
from tests.host.test_frames import frame
from tests.host.test_hostile_clients import HOSTILE, broker_socket
from tests.library.pulling import FILE, tiny
from tests.support import Installation, best_of

WAIT_S = 0.25
MEASURED_S = 3.0
STALLED = 12
SILENT = 300


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        for number in range(STALLED):
            running.repositories[f"org/stalled-{number}"] = Repository({FILE: tiny(400_000)})
        running.faults[FILE] = Fault(stall_s=120)
        yield running


def silent_connections(http: HttpProcess, stack: ExitStack) -> None:
    """Open connections without a token that never send a whole head."""
    place = urlsplit(http.address)
    for _ in range(SILENT):
        connection = stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=20))
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost:")


def long_actions(host: HostProcess, tabagent: Installation) -> None:
    """Ask for everything that lasts: downloads, a load that hangs, 8 GiB to verify, a named pipe."""
    large, pipe = (tabagent.models / f"sha256-{digit * 64}" for digit in "01")
    large.touch()
    os.truncate(large, 8 << 30)
    os.mkfifo(pipe)
    for name, target in (("large", large), ("pipe", pipe)):
        (tabagent.models / f"{name}.gguf").symlink_to(target)
    for number in range(STALLED):
        host.send("pull_model", model=f"org/stalled-{number}")
    for _ in range(4):
        host.send("verify_model", model=str(tabagent.models / "large.gguf"))
        host.send("verify_model", model=str(tabagent.models / "pipe.gguf"))
        host.send("detect_model", model="org/stalled-0")
    host.send("load_model", **tabagent.chaos_model("hanging", fault="hang"))


@contextmanager
def hostile_frames(tabagent: Installation) -> Iterator[None]:
    """Send frames that are hard to read, one kind after the other, as fast as they are taken."""
    ended = threading.Event()

    def attack() -> None:
        while not ended.is_set():
            for payload in HOSTILE.values():
                with suppress(OSError), broker_socket(tabagent) as attacker:
                    attacker.settimeout(20)
                    attacker.sendall(frame(payload[: 16 << 20]))
                if ended.is_set():
                    break

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_s2_s3_s10_s11_s13_under_one_load(install: Callable[..., Installation], hub: FakeHub) -> None:
    tabagent = install(hub_endpoint=hub.url, load_stall_s=120)
    with ExitStack() as stack:
        busy, other, streaming = (stack.enter_context(tabagent.host()) for _ in range(3))
        http = stack.enter_context(HttpProcess(tabagent))
        order = json.dumps({"tokens": 10_000_000, "interval_ms": 20})
        stream = streaming.send("generate", prompt=order, **tabagent.chaos_model())
        events = streaming.events(stream)
        next(event for event in events if event["event"] == "token")
        silent_connections(http, stack)
        long_actions(busy, tabagent)

        def longest_wait() -> float:
            """Return the longest time that ``hello``, a token or an answer over HTTP took."""
            longest = [0.0, 0.0, 0.0]
            ended = time.monotonic() + MEASURED_S

            def measure(place: int, work: Callable[[], object]) -> None:
                while time.monotonic() < ended:
                    began = time.monotonic()
                    work()
                    longest[place] = max(longest[place], time.monotonic() - began)
                    if place != 1:
                        time.sleep(0.1)

            works = (
                lambda: other.result("hello"),
                lambda: next(events),
                lambda: http.client.get(f"{http.address}/healthz").raise_for_status(),
            )
            threads = [threading.Thread(target=measure, args=numbered) for numbered in enumerate(works)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return max(longest)

        with hostile_frames(tabagent):
            assert best_of(longest_wait, WAIT_S) < WAIT_S
        streaming.result("cancel", target=stream)
