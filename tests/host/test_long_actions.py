"""Rows S2, S10 and S11: no action that lasts keeps another client waiting, and none keeps the broker from ending."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tabagent_harness import HostProcess
from tests.fake_hub import FakeHub, Fault, Repository
from tests.library.pulling import FILE, tiny
from tests.support import Installation, best_of, eventually

PROMPT_S = 0.25
"""The longest time that a short request may wait."""
END_S = 1.5
STALLED = 12
CONTENT = tiny(400_000)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        for number in range(STALLED):
            running.repositories[f"org/stalled-{number}"] = Repository({FILE: CONTENT})
        running.faults[FILE] = Fault(stall_s=60)
        yield running


@pytest.fixture
def busy(install: Callable[..., Installation], hub: FakeHub) -> Installation:
    return install(hub_endpoint=hub.url, load_stall_s=60)


def slowest_hello(host: HostProcess, rounds: int = 10) -> float:
    """Return the longest time that ``hello`` took, in seconds."""
    slowest = 0.0
    host.result("hello")  # which starts the host
    for _ in range(rounds):
        began = time.monotonic()
        assert host.result("hello", timeout_s=20)["event"] == "done"
        slowest = max(slowest, time.monotonic() - began)
    return slowest


@contextmanager
def stalled_pulls(installation: Installation, hub: FakeHub) -> Iterator[HostProcess]:
    """Ask for more downloads than there are threads, each of which stops in the middle."""
    with installation.host() as host:
        for number in range(STALLED):
            host.send("pull_model", model=f"org/stalled-{number}")
        eventually(lambda: hub.downloads(FILE) >= 2)
        yield host


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def seconds_to_end(installation: Installation) -> float:
    """Send SIGTERM to the broker and return the time until its process is gone."""
    pid = installation.broker_pid()
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: not alive(pid), timeout_s=20)
    return time.monotonic() - began


def test_s2_stalled_downloads_delay_nobody(busy: Installation, hub: FakeHub) -> None:
    with stalled_pulls(busy, hub), busy.host() as other:
        assert best_of(lambda: slowest_hello(other), PROMPT_S) < PROMPT_S
        began = time.monotonic()
        assert other.result("list_models", timeout_s=20)["event"] == "done"
        answer = other.result("generate", prompt='{"tokens": 3, "interval_ms": 0}', timeout_s=20, **busy.chaos_model())
        assert answer["event"] == "done"
        assert time.monotonic() - began < 10


def test_s2_every_long_action_at_once_delays_nobody(busy: Installation, hub: FakeHub) -> None:
    for number in range(4):
        busy.chaos_model(f"removed-{number}")
    large = busy.models / f"sha256-{'0' * 64}"
    large.touch()
    os.truncate(large, 8 << 30)
    (busy.models / "large.gguf").symlink_to(large)
    with stalled_pulls(busy, hub) as host, busy.host() as other:
        slow = busy.chaos_model("slow", interval_ms=60_000)
        for _ in range(10):
            host.send("verify_model", model=str(busy.models / "large.gguf"))
            host.send("detect_model", model="org/stalled-0")
            host.send("list_models")
        host.send("load_model", **slow)
        for number in range(4):
            host.send("remove_model", model=f"removed-{number}")
        assert best_of(lambda: slowest_hello(other, 20), PROMPT_S) < PROMPT_S


def test_s2_nothing_runs_in_the_default_pool() -> None:
    root = Path(__file__).parents[2] / "native_host"
    users = [
        path for path in (root / "core").rglob("*.py") if re.search(r"to_thread\(|run_in_executor\(", path.read_text())
    ]
    assert users == [], "use a pool of native_host/core/threads.py"


def test_s2_a_cancelled_download_that_stalls_frees_its_thread(busy: Installation, hub: FakeHub) -> None:
    with busy.host() as host:
        requests = [host.send("pull_model", model=f"org/stalled-{number}") for number in range(4)]
        eventually(lambda: hub.downloads(FILE) == 4)
        for request in requests:
            host.send("cancel", target=request)
        for request in requests:
            assert list(host.events(request, timeout_s=10))[-1]["event"] == "cancelled"
        del hub.faults[FILE]
        began = time.monotonic()
        assert host.result("pull_model", model="org/stalled-0", timeout_s=40)["event"] == "done"
        assert time.monotonic() - began < 10


def test_s10_a_load_that_hangs_holds_up_no_other_load(busy: Installation) -> None:
    with busy.host() as host, busy.host() as other:
        hanging = host.send("load_model", **busy.chaos_model("hanging", fault="hang"))
        next(event for event in host.events(hanging) if event.get("done", 0) > 0)
        began = time.monotonic()
        assert other.result("load_model", timeout_s=20, **busy.chaos_model("sound"))["event"] == "done"
        assert time.monotonic() - began < 10
        host.send("cancel", target=hanging)
        assert list(host.events(hanging, timeout_s=10))[-1]["event"] == "cancelled"


def test_s11_sigterm_ends_the_broker_during_stalled_downloads(busy: Installation, hub: FakeHub) -> None:
    def seconds() -> float:
        with stalled_pulls(busy, hub):
            return seconds_to_end(busy)

    assert best_of(seconds, END_S) < END_S


@pytest.mark.parametrize("action", ["verify_model", "detect_model", "load_model", "remove_model"])
def test_s11_a_named_pipe_is_never_read(busy: Installation, action: str) -> None:
    pipe = busy.models / f"sha256-{'0' * 64}"
    os.mkfifo(pipe)
    (busy.models / "pipe.gguf").symlink_to(pipe)

    def seconds() -> float:
        with busy.host() as host:
            for model in ("pipe", str(busy.models / "pipe.gguf"), str(pipe)):
                answer = host.result(action, model=model, timeout_s=20)
                assert answer["event"] == "error" or answer["result"]["valid"] is False
            return seconds_to_end(busy)

    assert best_of(seconds, END_S) < END_S


def test_s11_sigterm_ends_the_broker_during_a_load_that_hangs(busy: Installation) -> None:
    def seconds() -> float:
        with busy.host() as host:
            hanging = host.send("load_model", **busy.chaos_model("hanging", fault="hang"))
            next(event for event in host.events(hanging) if event.get("done", 0) > 0)
            return seconds_to_end(busy)

    assert best_of(seconds, END_S) < END_S
