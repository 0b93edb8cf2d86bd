"""A server on loopback that keeps what it is asked, and misbehaves on order."""

from __future__ import annotations

import json
import select
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from backends.contract import EngineError
from tests.servers.brain import Script

Body = dict[str, Any]


@dataclass
class Fault:
    """How requests of one path are answered."""

    status: int = 200
    body: bytes | None = None
    """Sent instead of an answer."""
    content_type: str = "application/json"
    location: str = ""
    first_byte_after_s: float = 0.0
    cut_after: int | None = None
    """Pieces of a stream, after which the connection is closed."""
    stall_after: int | None = None
    """Pieces of a stream, after which nothing more comes."""
    ping_every_s: float = 0.0
    """While it waits for the first byte, comments."""
    bytes_at_once: int | None = None
    without_end: bool = False
    """The last piece of a stream is left out."""
    crlf: bool = False


class Gone(Exception):
    """The client closed the connection."""


@dataclass
class Asked:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: Body = field(default_factory=dict)


class FakeServer:
    """Runs while the context lasts, or until ``stop``. Subclasses have ``routes``."""

    def __init__(self, brain: Any = None, key: str | None = None, certificate: Path | None = None) -> None:
        self.brain = brain or Script()
        self.key = key
        self.faults: dict[str, Fault] = {}
        self.asked: list[Asked] = []
        self.dropped = threading.Event()
        """A client went away in the middle of an answer."""
        fake = self

        class Handler(_Handler):
            served = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def routes(self) -> dict[str, Callable[[_Handler, Body], None]]:
        """Path → what answers it."""
        return {}

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._server.socket.fileno() >= 0:
            self.stop()

    def bodies(self, path: str) -> list[Body]:
        """What came for this path."""
        return [it.body for it in self.asked if it.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FakeServer

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

    def _serve(self, body: Body) -> None:
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.served.asked.append(Asked(path, headers, body))
        self.fault = self.served.faults.get(path, Fault())
        route = self.served.routes().get(path)
        try:
            if self.served.key is not None and headers.get("authorization") != f"Bearer {self.served.key}":
                self.answer(401, {"error": {"message": f"wrong key: {headers.get('authorization')}"}})
            elif self.fault.status != 200 or self.fault.body is not None:
                self._wait(self.fault.first_byte_after_s)
                self._send_whole(self.fault.status, self.fault.body or b"", self.fault.content_type)
            elif route is None:
                self.answer(404, {"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}})
            else:
                route(self, body)
        except (Gone, OSError):
            self.served.dropped.set()
            self.close_connection = True

    def answer(self, status: int, content: Any) -> None:
        """JSON, whole."""
        if not self.fault.ping_every_s:
            self._wait(self.fault.first_byte_after_s)
        self._send_whole(status, json.dumps(content).encode(), "application/json")

    def stream(self, pieces: Iterable[bytes], content_type: str) -> None:
        """Pieces as they come, in chunks."""
        fault = self.fault
        if not fault.ping_every_s:
            self._wait(fault.first_byte_after_s)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if fault.ping_every_s:
            end = time.monotonic() + fault.first_byte_after_s
            while time.monotonic() < end:
                self._write(b": ping\n\n")
                self._wait(fault.ping_every_s)
        for number, piece in enumerate(pieces):
            if number == fault.cut_after:
                self.close_connection = True
                self.connection.close()
                return
            if number == fault.stall_after:
                self._wait(3600)
            self._write(piece.replace(b"\n", b"\r\n") if fault.crlf else piece)
        self.wfile.write(b"0\r\n\r\n")

    def _write(self, piece: bytes) -> None:
        size = self.fault.bytes_at_once or len(piece)
        for at in range(0, len(piece), size):
            part = piece[at : at + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self._wait(0)

    def _wait(self, seconds: float) -> None:
        """Wait, and notice when the client goes."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if readable:
            raise Gone

    def _send_whole(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.fault.location:
            self.send_header("Location", self.fault.location)
        self.end_headers()
        self.wfile.write(body)


Handler = _Handler


def overflow(error: EngineError) -> Body:
    """llama-server's words for a prompt that does not fit."""
    tokens, context = error.details.get("prompt_tokens"), error.details.get("context_length")
    return {
        "code": 400,
        "message": f"request ({tokens} tokens) exceeds the available context size ({context} tokens)",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": tokens,
        "n_ctx": context,
    }
