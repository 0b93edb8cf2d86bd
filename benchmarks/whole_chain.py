"""The way a browser takes: frames to the host, its socket to the broker, pipes to the worker, and back."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.workload import Answer
from tabagent_harness import HostProcess

MODEL = "smollm2-135m"


class WholeChain:
    """Host, broker and worker of a TabAgent of its own."""

    def __init__(
        self, name: str = "host + broker + worker", model: str = MODEL, engine: str = "auto", **settings: object
    ) -> None:
        self.name = name
        self._model: dict[str, Any] = {"model": model, "engine": engine}
        self.root = Path(tempfile.mkdtemp(prefix="tabagent-bench-"))
        folders = {
            f"TABAGENT_{name}_DIR": str(self.root / name.lower())
            for name in ("CONFIG", "DATA", "STATE", "CACHE", "RUNTIME")
        }
        variables = {f"TABAGENT_{name.upper()}": str(value) for name, value in settings.items()}
        self.environ = {**os.environ, **folders, "TABAGENT_IDLE_EXIT_S": "1", **variables}
        self._host: HostProcess | None = None

    @property
    def host(self) -> HostProcess:
        """The running host."""
        assert self._host is not None
        return self._host

    def start(self) -> None:
        """Start the host, and by it the broker and the worker."""
        self._host = HostProcess(environ=self.environ)
        loaded = self.host.result("load_model", **self._model, options={"keep_alive": -1})
        if loaded["event"] != "done":
            raise RuntimeError(f"{self.name}: {loaded}")

    def ask(self, text: str, max_tokens: int) -> Answer:
        """As seen on the browser's end of the pipe."""
        options = {"max_tokens": max_tokens, "temperature": 0}
        began = time.perf_counter()
        first = 0.0
        done: dict[str, Any] = {}
        for event in self.host.ask("generate", **self._model, prompt=text, options=options):
            if event["event"] == "token":
                first = first or time.perf_counter() - began
            done = event
        if done["event"] != "done":
            raise RuntimeError(f"{self.name}: {done}")
        total = time.perf_counter() - began
        usage = done["result"]["usage"]
        return Answer(first or total, total, usage["prompt_tokens"], usage["completion_tokens"])

    def pids(self) -> Iterable[int]:
        """All three, and the template sandbox."""
        status = self.host.result("status")["result"]
        worker = status["models"][0]["pid"]
        return [self.host.process.pid, status["pid"], worker, *children(worker)]

    def stop(self) -> None:
        """End the host; the broker follows when it is idle."""
        self.host.result("unload_model", model=self._model["model"])
        self.host.close()
        shutil.rmtree(self.root, ignore_errors=True)


def children(pid: int) -> list[int]:
    """Pids of the processes that it started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in listed]
