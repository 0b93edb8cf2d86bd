"""Rows S21 and S25: what a process of ours may leave behind when it dies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabagent_weights import packages
from tests.support import Installation, Process, best_of, eventually, processes

SANDBOX = "backends.conversation.template_sandbox"
LOOP = "{% for i in range(90000) %}{% for j in range(90000) %}{% set x = i %}{% endfor %}{% endfor %}{{ messages }}"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


def descendants(pid: int) -> list[Process]:
    """Return the children of a process, theirs, and so on."""
    table = processes()
    found: list[Process] = []
    pids = {pid}
    while new := [process for process in table if process.parent in pids and process not in found]:
        found += new
        pids |= {process.pid for process in new}
    return found


def with_template(installation: Installation, template: str) -> dict[str, str]:
    """Make a language model with another chat template, as the fields of a request."""
    path = installation.models / "templated.gguf"
    shutil.copyfile(packages.smollm2_gguf(), path)
    with path.open("r+b") as file:
        head = file.read(8 << 20)
        at = head.index(b"tokenizer.chat_template") + len("tokenizer.chat_template") + 4
        (length,) = struct.unpack_from("<Q", head, at)
        file.seek(at + 8)
        file.write(template.encode().ljust(length))
    return {"model": "templated"}


def core_limit(pid: int) -> list[str]:
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    return line.split()[4:6]


def test_s21_the_template_sandbox_dies_with_its_worker(tabagent: Installation) -> None:
    with tabagent.host() as host:
        model = with_template(tabagent, LOOP)

        def seconds() -> float:
            host.result("load_model", **model)
            (worker,) = host.result("status")["result"]["models"]
            request = host.send("chat", messages=HELLO, **model)
            (sandbox,) = [process for process in descendants(worker["pid"]) if SANDBOX in process.command]
            eventually(lambda: Process(sandbox.pid).state == "R" and seconds_of(sandbox.pid) > 0.3)
            assert not flags_of(sandbox.pid, 0) & os.O_ASYNC, "SIGIO may come for data that was read already"
            os.kill(worker["pid"], signal.SIGKILL)
            began = time.monotonic()
            eventually(lambda: sandbox.pid not in {process.pid for process in processes()}, timeout_s=10)
            took = time.monotonic() - began
            assert list(host.events(request))[-1]["error"]["code"] == "engine_crashed"
            return took

        assert best_of(seconds, 1) < 1


def flags_of(pid: int, descriptor: int) -> int:
    """Return the flags that a process has opened a file with."""
    (line,) = re.findall(r"^flags:\s*(\d+)", Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(), re.MULTILINE)
    return int(line, 8)


def seconds_of(pid: int) -> float:
    """Return the time that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_s25_no_process_may_write_a_core_file(install: Callable[..., Installation]) -> None:
    tabagent = install(http=1, http_port=0)
    with tabagent.host() as host:
        shutil.copyfile(packages.smollm2_gguf(), tabagent.models / "model.gguf")
        assert host.result("chat", model="model", messages=HELLO, options={"max_tokens": 1})["event"] == "done"
        broker = host.result("status")["result"]["pid"]
        ours = [Process(host.process.pid), Process(broker), *descendants(broker)]
        commands = " ".join(process.command for process in ours)
        for command in ("tabagent-host", "native_host.broker", "native_host.http_server", "backends.worker", SANDBOX):
            assert command in commands
        for process in ours:
            assert core_limit(process.pid) == ["0", "0"], process.command


TABAGENT = os.fspath(Path(sys.executable).with_name("tabagent"))


@pytest.mark.parametrize("arguments", [[TABAGENT, "serve"], [sys.executable, "-m", "native_host.http_server"]])
def test_s25_nor_may_commands(tabagent: Installation, arguments: list[str]) -> None:
    environ = {**tabagent.environ, "TABAGENT_HTTP_PORT": "0"}
    with subprocess.Popen(arguments, env=environ, stderr=subprocess.DEVNULL) as command:
        try:
            eventually(lambda: core_limit(command.pid) == ["0", "0"], timeout_s=10)
        finally:
            command.kill()
