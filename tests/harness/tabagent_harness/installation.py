"""A TabAgent whose directories are all in one folder, so that it shares nothing with the user's own."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from tabagent_harness.host_process import HostProcess
from tabagent_harness.processes import processes

_PASSED_ON = "TABAGENT_CPU_VARIANT"
"""The only variable of TabAgent that processes take from the caller: the CPU variant of llama.cpp to run with."""
_KILLED_WITHIN_S = 10.0


class Installation:
    """A TabAgent with its own directories, hence its own broker.

    Attributes:
        root: Folder of all directories. Keep the path short: the length of a socket's path is limited.
        models: Folder in which models are found by name.
        environ: Environment of its processes.
    """

    def __init__(self, root: Path, **settings: object) -> None:
        self._hosts: list[HostProcess] = []
        self.root = root
        self.models = root / "models"
        self.models.mkdir(parents=True)
        folders = {
            f"TABAGENT_{name}_DIR": str(root / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE", "RUNTIME")
        }
        self.environ = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("TABAGENT_") or name == _PASSED_ON
            },
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
        """Start a host of this installation."""
        self._hosts.append(HostProcess(environ=self.environ, **options))
        return self._hosts[-1]

    def broker_pid(self) -> int:
        """Return the pid of the broker, which is started if need be."""
        with self.host() as host:
            return int(host.result("status")["result"]["pid"])

    def log(self) -> str:
        """Return the text of the broker's log files."""
        return "\n".join(path.read_text() for path in sorted((self.root / "state" / "logs").glob("broker*")))

    def stop(self) -> None:
        """Kill every process of this installation, and close the pipes of its hosts."""
        for process in processes():
            if process.environ.get("TABAGENT_RUNTIME_DIR") == self.environ["TABAGENT_RUNTIME_DIR"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        while self._hosts:
            self._hosts.pop().close(timeout_s=_KILLED_WITHIN_S)
