"""What tests build on: a TabAgent of their own (every directory in a temporary folder), and a look at processes.

In CI (``CI=true``) something that is missing is a failure; in a developer's run it is a reported skip.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabagent_chaos import chaos_file
from tabagent_harness import HostProcess

IN_CI = os.environ.get("CI") == "true"
MODEL = "smollm2-135m"


def missing(what: str) -> None:
    """Something that a test needs is not here."""
    if IN_CI:
        pytest.fail(f"missing in CI: {what}")
    pytest.skip(f"missing: {what}")


class Installation:
    """A TabAgent with its own directories, hence its own broker."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.root = root
        self.models = root / "models"
        self.models.mkdir(parents=True)
        folders = {
            f"TABAGENT_{name}_DIR": str(root / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE", "RUNTIME")
        }
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TABAGENT_")},
            **folders,
            "TABAGENT_MODEL_DIRS": str(self.models),
            "TABAGENT_TOOL_MODEL_DIRS": str(root / "lm-studio"),
            "TABAGENT_OLLAMA_DIR": str(root / "ollama"),
            "HF_HOME": str(root / "huggingface"),
            "TABAGENT_OLLAMA_URL": "",
            "TABAGENT_LM_STUDIO_URL": "",
            "TABAGENT_IDLE_EXIT_S": "1",
            "TABAGENT_LOG_LEVEL": "DEBUG",
            **{f"TABAGENT_{name.upper()}": str(value) for name, value in settings.items()},
        }

    def host(self, **options: Any) -> HostProcess:
        """A host of this installation."""
        return HostProcess(environ=self.environ, **options)

    def chaos_model(self, name: str = "chaos", **order: Any) -> dict[str, str]:
        """A model for the chaos engine that behaves so while loading, as the fields of a request."""
        (self.models / f"{name}.gguf").write_bytes(chaos_file(order))
        return {"model": name, "engine": "chaos"}

    def broker_pid(self) -> int:
        """The pid of the running broker."""
        with self.host() as host:
            return int(host.result("status")["result"]["pid"])

    def log(self) -> str:
        """What the broker has logged."""
        return "\n".join(path.read_text() for path in sorted((self.root / "state" / "logs").glob("broker*")))

    def stop(self) -> None:
        """End its broker at once, if there is one."""
        for process in processes():
            if process.environ.get("TABAGENT_RUNTIME_DIR") == self.environ["TABAGENT_RUNTIME_DIR"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)


class Process:
    """A line of the process table."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.state = fields["State"][0]
        self.parent = int(fields["PPid"])
        self.rss = int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
        self.command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        raw = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        self.environ = dict(item.decode("utf-8", "replace").split("=", 1) for item in raw if b"=" in item)


def processes() -> list[Process]:
    """Every process that is alive (zombies are not)."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError, KeyError):
                process = Process(int(path.name))
                if process.state != "Z":
                    found.append(process)
    return found


def eventually(condition: Callable[[], Any], timeout_s: float = 10.0, every_s: float = 0.02) -> Any:
    """The condition's value once it is true; fails when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {timeout_s} s: {condition}")
        time.sleep(every_s)
    return value
