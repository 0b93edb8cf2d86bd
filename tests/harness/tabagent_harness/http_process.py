"""The HTTP server as a child process, the way ``tabagent serve`` starts it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tabagent_harness.installation import Installation

READY = re.compile(r"listens on (http://\S+):(\d+); the token is in (.+)")

WITH_LIMITS = """
from native_host import http_server
from native_host.transports.http import server
vars(server).update({})
http_server.main()
"""


class HttpProcess:
    """An HTTP server of an installation, on a free port.

    Attributes:
        address: URL of the server, without a path.
        client: Client that sends the token and keeps its connections.
        stderr: Text that the server has written to its standard error.
    """

    def __init__(
        self, installation: Installation, *, limits: Mapping[str, float] | None = None, **settings: object
    ) -> None:
        """Start the server and wait until it listens.

        Args:
            installation: The installation whose broker it uses.
            limits: Constants of ``native_host.transports.http.server`` to replace in the server.
            **settings: Settings by name, for this process only.
        """
        self.installation = installation
        variables = {f"TABAGENT_{name.upper()}": str(value) for name, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, *(["-c", WITH_LIMITS.format(limits)] if limits else ["-m", "native_host.http_server"])],
            env={**installation.environ, "TABAGENT_HTTP_PORT": "0", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.stderr = ""
        while not (ready := READY.search(self.stderr)):
            line = self.process.stderr.readline()
            assert line, f"the HTTP server ended: {self.stderr}"
            self.stderr += line
        self.port = int(ready[2])
        self.address = f"{ready[1]}:{self.port}"
        self.token = Path(ready[3]).read_text().strip()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.client = httpx2.Client(base_url=self.address, headers=self.headers, timeout=60)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that carry the token."""
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, **body: Any) -> httpx2.Response:
        """Send a body of JSON."""
        return self.client.post(path, json=body)

    def raw(self, method: str, path: str, body: object) -> bytes:
        """Return a request as bytes, for clients that misbehave."""
        content = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content

    def active_requests(self) -> int:
        """Return the number of requests that the workers are running."""
        models = self.client.get("/tabagent/v1/status").json()["models"]
        return sum(model["active_requests"] for model in models)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line

    def close(self) -> int:
        """Terminate the server; return its exit status."""
        self.client.close()
        self.process.terminate()
        status = self.process.wait(10)
        self._reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            self.process.kill()
            self.process.wait()
