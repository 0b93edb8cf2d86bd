"""Rows F23-F30 of the bad inputs: how the host ends, what it leaves, and that only frames reach its stdout."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tabagent_harness import HostProcess, default_command, origin
from tests.support import Installation, Process, eventually, few_or_many, processes

MIB = 1024 * 1024
ENDLESS = {"tokens": 1_000_000, "interval_ms": 5}


def start_generation(host: HostProcess, tabagent: Installation, **order: object) -> int | str:
    """A generation that has begun to answer."""
    request = host.send("generate", prompt=json.dumps({**ENDLESS, **order}), **tabagent.chaos_model())
    next(event for event in host.events(request) if event["event"] == "token")
    return request


def active_requests(tabagent: Installation) -> int:
    with tabagent.host() as other:
        return sum(model["active_requests"] for model in other.result("status")["result"]["models"])


def ours(tabagent: Installation) -> list[Process]:
    """Every process of this installation that is alive."""
    runtime = tabagent.environ["TABAGENT_RUNTIME_DIR"]
    return [process for process in processes() if process.environ.get("TABAGENT_RUNTIME_DIR") == runtime]


def test_f23_end_of_file_while_generating(tabagent: Installation) -> None:
    host = tabagent.host()
    start_generation(host, tabagent)
    assert host.close(timeout_s=1.5) == 0
    eventually(lambda: active_requests(tabagent) == 0)
    eventually(lambda: "chaos was cancelled" in tabagent.log())


def test_f23_nothing_is_left_when_the_models_time_is_over(install: Callable[..., Installation]) -> None:
    tabagent = install(keep_alive_s=0.3, idle_exit_s=0.5)
    host = tabagent.host()
    start_generation(host, tabagent)
    assert host.close() == 0
    eventually(lambda: not ours(tabagent), timeout_s=20)


def test_f24_end_of_file_while_the_worker_is_stuck_in_native_code(install: Callable[..., Installation]) -> None:
    tabagent = install(cancel_grace_s=0.5)
    host = tabagent.host()
    start_generation(host, tabagent, fault="hang", at=3)
    eventually(lambda: len(ours(tabagent)) == 3)
    time.sleep(0.2)
    assert host.close(timeout_s=1.5) == 0
    eventually(lambda: not any("backends.worker" in process.command for process in ours(tabagent)))


def test_f25_stdout_closed_while_generating(tabagent: Installation) -> None:
    host = tabagent.host()
    start_generation(host, tabagent)
    host.pause_reading()
    assert host.process.stdout is not None
    os.close(os.dup(host.process.stdout.fileno()))
    host._may_read.set()
    host._threads[0].join(0)
    host.process.stdout.close()
    assert host.process.wait(1.5) == 0
    assert "Traceback" not in host.stderr
    eventually(lambda: active_requests(tabagent) == 0)
    host.close()


def test_f26_a_reader_that_stops(tabagent: Installation) -> None:
    with tabagent.host() as host:
        request = start_generation(host, tabagent, interval_ms=0, size=1000)
        before = {process.pid: process.rss for process in ours(tabagent)}
        host.pause_reading()
        time.sleep(3)
        settled = cpu_ticks(tabagent, "backends.worker")
        time.sleep(1)
        assert cpu_ticks(tabagent, "backends.worker") - settled <= 5, "the worker goes on although nobody reads"
        for process in ours(tabagent):
            assert process.rss - before.get(process.pid, process.rss) < 64 * MIB, process.command
        cancel = host.send("cancel", target=request)
        time.sleep(0.2)
        host.resume_reading()
        assert list(host.events(request))[-1]["event"] == "cancelled"
        assert list(host.events(cancel))[-1]["result"] == {"cancelled": True}


def cpu_ticks(tabagent: Installation, command: str) -> int:
    (process,) = [process for process in ours(tabagent) if command in process.command]
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_f26_a_slow_reader_gets_every_token_in_order(tabagent: Installation) -> None:
    with tabagent.host() as host:
        fields = tabagent.chaos_model()
        request = host.send("generate", prompt=json.dumps({"tokens": 20_000, "interval_ms": 0}), **fields)
        for _ in range(5):
            host.pause_reading()
            time.sleep(0.1)
            host.resume_reading()
            time.sleep(0.02)
        text = "".join(event["text"] for event in host.events(request) if event["event"] == "token")
        assert text == "".join(f"{index} " for index in range(20_000))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_f27_signals(tabagent: Installation, stop: signal.Signals) -> None:
    host = tabagent.host()
    start_generation(host, tabagent)
    host.process.send_signal(stop)
    assert host.process.wait(1.5) == 0
    assert "Traceback" not in host.stderr
    eventually(lambda: active_requests(tabagent) == 0)
    host.close()


def test_f28_killed_host(tabagent: Installation) -> None:
    host = tabagent.host()
    start_generation(host, tabagent)
    host.process.kill()
    eventually(lambda: active_requests(tabagent) == 0)
    host.close()


def test_f28_killed_broker_takes_its_workers_along(tabagent: Installation) -> None:
    with tabagent.host() as host:
        request = start_generation(host, tabagent)
        (broker,) = [process for process in ours(tabagent) if "native_host.broker" in process.command]
        os.kill(broker.pid, signal.SIGKILL)
        last = list(host.events(request, timeout_s=20))[-1]
        assert last["error"]["code"] == "broker_lost"
        assert last["error"]["retryable"] is True
        eventually(lambda: not any("backends.worker" in process.command for process in ours(tabagent)))
        done = host.result("generate", prompt='{"tokens": 3}', **tabagent.chaos_model())
        assert done["result"]["text"] == "0 1 2 "


def test_f28_killed_broker_while_the_worker_is_stuck(tabagent: Installation) -> None:
    with tabagent.host() as host:
        start_generation(host, tabagent, fault="hang", at=2)
        time.sleep(0.2)
        (broker,) = [process for process in ours(tabagent) if "native_host.broker" in process.command]
        os.kill(broker.pid, signal.SIGKILL)
        eventually(lambda: not any("backends.worker" in process.command for process in ours(tabagent)))


@pytest.mark.parametrize("hosts", few_or_many(10, 50))
def test_f29_hosts_end_in_time_and_leave_nothing(install: Callable[..., Installation], hosts: int) -> None:
    tabagent = install(keep_alive_s=0.3, idle_exit_s=0.5)
    fields = tabagent.chaos_model()
    slowest = 0.0
    for number in range(hosts):
        host = tabagent.host()
        if number % 2:
            start_generation(host, tabagent)
        else:
            host.result("load_model", model=fields["model"], engine="chaos")
        began = time.monotonic()
        assert host.close(timeout_s=1.5) == 0
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.5
    eventually(lambda: not ours(tabagent), timeout_s=20)


def test_f30_stray_output_never_reaches_the_wire(tabagent: Installation) -> None:
    """The harness fails on any byte that is not part of a frame."""
    with tabagent.host() as host:
        loud_load = tabagent.chaos_model(fault="print")
        assert host.result("load_model", model=loud_load["model"], engine="chaos")["event"] == "done"
        log = tabagent.log()
        for words in ("stray print at import", "stray print", "stray puts", "stray write", "stray child"):
            assert words in log
        for fault in ("print", "flood"):
            prompt = json.dumps({"tokens": 5, "fault": fault, "at": 2})
            assert host.result("generate", prompt=prompt, **loud_load)["result"]["text"] == "0 1 2 3 4 "


# ------------------------------------------------------------------------- who may start it, and where


def test_f44_started_by_hand_in_a_terminal(tabagent: Installation) -> None:
    master, slave = pty.openpty()
    done = subprocess.run(default_command(), stdin=slave, capture_output=True, env=tabagent.environ, check=False)
    os.close(master)
    os.close(slave)
    assert done.returncode == 2
    assert b"tabagent install" in done.stderr
    assert done.stdout == b""


OTHER = "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"


@pytest.mark.parametrize(
    "arguments",
    [[], [OTHER], [origin() + "x"], [origin()[:-1]], [OTHER, origin()], ["/tmp/m.json", "somebody@else"]],
)
def test_f45_a_caller_that_is_not_allowed(tabagent: Installation, arguments: list[str]) -> None:
    host = tabagent.host(arguments=arguments)
    assert host.process.wait(5) == 4
    host.close()
    assert "not on the list" in host.stderr


@pytest.mark.parametrize("arguments", [[origin(), "--parent-window=0"], [origin(), OTHER]])
def test_f45_later_arguments_are_ignored(tabagent: Installation, arguments: list[str]) -> None:
    with tabagent.host(arguments=arguments) as host:
        assert host.result("hello")["event"] == "done"


def test_f45_ids_can_be_added_by_the_installation(install: Callable[..., Installation]) -> None:
    tabagent = install(extension_ids="a" * 32)
    with tabagent.host(arguments=[OTHER]) as host:
        assert host.result("hello")["event"] == "done"
