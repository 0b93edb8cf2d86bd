"""Real servers in processes of their own, on ports that are free."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tabagent_weights import packages
from tests.support import missing, processes

START_S = 90.0


class ServerProcess:
    """A server that runs until the context ends, or until ``kill``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}/v1"

    def cpu_seconds(self) -> float:
        """What it has computed so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """At once, with all that it started."""
        for pid in _family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def llama_server(*, context_length: int = 4096, embeddings: bool = False) -> Iterator[ServerProcess]:
    """xllamacpp's llama-server with SmolLM2, under the name ``smollm2-135m``."""
    arguments = [str(packages.smollm2_gguf()), str(context_length), str(int(embeddings))]
    with _running("xllamacpp", _LLAMA_SERVER, arguments, {}) as server:
        yield server


@contextlib.contextmanager
def ray_serve() -> Iterator[ServerProcess]:
    """``ray_app`` on a Ray of its own, with the model ``smollm2-135m``."""
    environ = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    folder = tempfile.mkdtemp(prefix="ray-")
    try:
        with _running("ray", _RAY, [str(packages.smollm2_gguf()), folder], environ) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_LLAMA_SERVER = """
import sys, threading, xllamacpp
port, path, context, embeddings = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path, params.port, params.model_alias = path, int(port), {"smollm2-135m"}
params.n_ctx, params.n_parallel, params.verbosity = int(context), 1, 0
params.n_batch = params.n_ubatch = 128  # between two of these it hears of a cancel
if embeddings == "1":
    params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
threading.Event().wait()
"""

_RAY = "from tests.servers.ray_app import main; main()"


@contextlib.contextmanager
def _running(package: str, program: str, arguments: list[str], environ: Mapping[str, str]) -> Iterator[ServerProcess]:
    if importlib.util.find_spec(package) is None:
        missing(f"the package {package}; run: uv sync --inexact --group servers")
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(port), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environ},
    )
    server = ServerProcess(process, port)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(f"{server.url}/models"):
            assert process.poll() is None, f"{package} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{package} did not start"
            time.sleep(0.1)
        yield server
    finally:
        server.kill()


def _family(pid: int) -> list[int]:
    """A process and those below it, the parents first."""
    parents = [(process.pid, process.parent) for process in processes()]
    family = [pid]
    for member in family:
        family += [child for child, parent in parents if parent == member]
    return family


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
