"""TabAgent's own HTTP server before the broker and the worker, as ``tabagent serve`` starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks import http_client
from benchmarks.whole_chain import MODEL, WholeChain
from benchmarks.workload import Answer

_READY = re.compile(r"listens on http://\S+:(\d+); the token is in (.+)")


class OverHttp(WholeChain):
    """The host is there too, but only tells of the processes."""

    def __init__(self, concurrent: int = 16) -> None:
        super().__init__("HTTP + broker + worker")
        self.environ |= {"TABAGENT_HTTP_PORT": "0", "TABAGENT_HTTP_MAX_CONCURRENT": str(concurrent)}
        self._server: subprocess.Popen[str] | None = None
        self._port, self._token = 0, ""

    def start(self) -> None:
        """Start the server, and load the model."""
        command = [sys.executable, "-m", "native_host.http_server"]
        self._server = subprocess.Popen(command, env=self.environ, stderr=subprocess.PIPE, text=True)
        assert self._server.stderr is not None
        while not (ready := _READY.search(self._server.stderr.readline())):
            if self._server.poll() is not None:
                raise RuntimeError("the HTTP server ended")
        self._port, self._token = int(ready[1]), Path(ready[2]).read_text(encoding="ascii").strip()
        super().start()

    def ask(self, text: str, max_tokens: int) -> Answer:
        """As seen by an HTTP client."""
        return http_client.ask(self._port, text, max_tokens, model=MODEL, token=self._token)

    def pids(self) -> Iterable[int]:
        """The server, the broker, the worker and the template sandbox."""
        assert self._server is not None
        _host, *others = super().pids()
        return [self._server.pid, *others]

    def stop(self) -> None:
        """End the server and the rest."""
        assert self._server is not None
        self._server.terminate()
        self._server.wait()
        if self._server.stderr is not None:
            self._server.stderr.close()
        super().stop()
