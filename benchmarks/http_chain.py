"""The way an HTTP client takes: to the HTTP process, its socket to the broker, pipes to the worker, and back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.sse_client import ask, new_connections
from benchmarks.whole_chain import MODEL, children
from benchmarks.workload import Answer
from tabagent_harness.http_process import HttpProcess
from tabagent_harness.installation import Installation


class HttpChain:
    """HTTP process, broker and worker of a TabAgent of its own."""

    def __init__(self, name: str = "HTTP + broker + worker", **settings: object) -> None:
        self.name = name
        self._root = Path(tempfile.mkdtemp(prefix="tabagent-bench-"))
        self._installation = Installation(self._root, **{"log_level": "INFO", **settings})
        self._http: HttpProcess | None = None

    @property
    def client(self) -> httpx2.Client:
        """It shows the token and keeps its connections."""
        assert self._http is not None
        return self._http.client

    def new_connections(self) -> httpx2.Client:
        """A client that keeps none."""
        assert self._http is not None
        return new_connections(self._http.address, self._http.headers)

    def start(self) -> None:
        """Start the HTTP process, and by it the broker and the worker."""
        self._http = HttpProcess(self._installation)
        self.load()

    def load(self) -> dict[str, Any]:
        """The model is loaded and stays so; returns what is said of it."""
        body = {"model": MODEL, "options": {"keep_alive": -1}}
        answer = self.client.post("/tabagent/v1/load_model", json=body)
        info: dict[str, Any] = answer.raise_for_status().json()
        return info

    def ask(self, text: str, max_tokens: int) -> Answer:
        """As seen by an HTTP client with a connection that is kept."""
        return ask(self.client, "/v1/completions", model=MODEL, prompt=text, max_tokens=max_tokens)

    def pids(self) -> Iterable[int]:
        """All three, and the template sandbox."""
        assert self._http is not None
        status = self.client.get("/tabagent/v1/status").raise_for_status().json()
        worker = status["models"][0]["pid"]
        return [self._http.process.pid, status["pid"], worker, *children(worker)]

    def stop(self) -> None:
        """End the HTTP process and the broker."""
        assert self._http is not None
        self._http.close()
        self._installation.stop()
        shutil.rmtree(self._root, ignore_errors=True)
