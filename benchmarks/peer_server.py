"""The way that FFI replaces: xllamacpp's server in a subprocess, asked over HTTP with server-sent events."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.sse_client import ask, new_connections
from benchmarks.workload import Answer

CONTEXT_LENGTH = 8192
"""Tokens of all slots together; TabAgent's default."""
_PROGRAM = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx, params.n_parallel, params.verbosity = int(sys.argv[4]), int(sys.argv[5]), 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(params)
threading.Event().wait()
"""


class PeerServer:
    """xllamacpp with the same context, slots and threads."""

    def __init__(self, model: Path, threads: int, slots: int = 4) -> None:
        self.name = "xllamacpp server, HTTP"
        self._model = model
        self._threads = threads
        self._slots = slots
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.client = new_connections(f"http://127.0.0.1:{self._port}")

    def start(self) -> None:
        """Start the server and wait until it is healthy."""
        numbers = (self._port, self._threads, CONTEXT_LENGTH, self._slots)
        arguments = [str(self._model), *map(str, numbers)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not self._is_healthy():
            if self._process.poll() is not None:
                raise RuntimeError("xllamacpp's server ended")
            time.sleep(0.01)

    def ask(self, text: str, max_tokens: int) -> Answer:
        """As seen by an HTTP client."""
        return ask(self.client, "/v1/completions", prompt=text, max_tokens=max_tokens)

    def pids(self) -> Iterable[int]:
        """The server."""
        assert self._process is not None
        return [self._process.pid]

    def stop(self) -> None:
        """End the server."""
        self.client.close()
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def default_threads() -> int:
    """Threads that TabAgent would take: one per physical core."""
    import tabagent_model  # noqa: PLC0415  # only the benchmark that needs it

    return int(tabagent_model.hardware()["cpu"]["physical_cores"]) or os.cpu_count() or 1
