"""A model hub on loopback that speaks as much of the hub's API as TabAgent asks for, and misbehaves on order."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Fault:
    """How one file is served. Counted ones happen that often, then all is well."""

    statuses: list[int] = field(default_factory=list)
    """Answered first, one a request."""
    retry_after: str | None = None
    cut_after: int | None = None
    """Bytes of a connection, after which it is closed, each time."""
    cuts: int = 1_000_000
    content: bytes | None = None
    """Served instead."""
    stall_s: float = 0.0
    """In the middle of the body."""
    ignores_range: bool = False
    redirect: str | None = None
    delay_s: float = 0.0
    """After every 64 KiB."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with the file."""


@dataclass
class Repository:
    """Files by name, and what the metadata say beside them."""

    files: dict[str, bytes]
    metadata: dict[str, Any] = field(default_factory=dict)
    names: list[str] | None = None
    """Announced instead of the files' own."""
    commit: str = COMMIT
    token: str | None = None
    """Without it, the repository is not told of and its files are refused."""


class FakeHub:
    """Runs while the context lasts."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def downloads(self, name: str) -> int:
        """How often the file was asked for."""
        return sum(path.endswith(f"/{name}") for path, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FakeHub

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.served.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        if metadata := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._describe(metadata[1])
        elif resolved := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(resolved[1], resolved[2], unquote(resolved[3]))
        else:
            self._answer(404, b"")

    def _describe(self, name: str) -> None:
        repository = self.served.repositories.get(name)
        if repository is None or not self._may_read(repository):
            self._answer(404 if repository is None else 401, b"{}")
            return
        siblings = []
        for file, content in repository.files.items():
            large = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            is_large = not file.endswith((".json", ".txt", ".md", ".py"))
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            siblings.append(
                {"rfilename": file, "size": len(content), "blobId": blob, **({"lfs": large} if is_large else {})}
            )
        siblings += [{"rfilename": file, "size": 1, "blobId": "0" * 40} for file in repository.names or ()]
        body = {"id": name, "sha": repository.commit, "siblings": siblings, **repository.metadata}
        self._answer(200, json.dumps(body).encode())

    def _may_read(self, repository: Repository) -> bool:
        return repository.token is None or self.headers.get("Authorization") == f"Bearer {repository.token}"

    def _resolve(self, name: str, commit: str, file: str) -> None:
        repository = self.served.repositories.get(name)
        if repository is None or commit != repository.commit or file not in repository.files:
            self._answer(404, b"")
            return
        if not self._may_read(repository):
            self._answer(401, b"")
            return
        fault = self.served.faults.get(file, Fault())
        if fault.redirect is not None:
            self._answer(302, b"", Location=fault.redirect)
            return
        if fault.statuses:
            extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._answer(fault.statuses.pop(0), b"", **extra)
            return
        self._send(fault, repository.files[file] if fault.content is None else fault.content)

    def _send(self, fault: Fault, content: bytes) -> None:
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and not fault.ignores_range:
            begin = int(asked[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[begin:]
        self.send_header("Content-Length", str(len(body)))
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault.cut_after is not None and fault.cuts > 0 and len(body) > fault.cut_after:
            fault.cuts -= 1
            body = body[: fault.cut_after]
            self.close_connection = True
        try:
            for at in range(0, len(body), 65536):
                self.wfile.write(body[at : at + 65536])
                time.sleep(fault.delay_s)
                if fault.stall_s and at >= len(body) // 2:
                    time.sleep(fault.stall_s)
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
