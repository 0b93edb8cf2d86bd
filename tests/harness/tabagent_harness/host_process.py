"""The host as a child process with pipes, the way Chromium starts it: origin in argv[1], its own folder as cwd."""

from __future__ import annotations

import itertools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from manifests import extensions
from native_host.protocol.connection import ClientConnection, Event
from native_host.protocol.errors import ProtocolError
from native_host.protocol.framing import MAX_FRAME_TO_BROWSER, EndOfStream

Message = dict[str, Any]
READ_SIZE = 64 * 1024
EXIT_LIMIT_S = 1.5


def origin() -> str:
    """The origin of the extension that is built from this repository."""
    return f"chrome-extension://{extensions().chromium[0]}/"


def default_command() -> list[str]:
    """The host of this environment."""
    return [str(Path(sys.executable).parent / "tabagent-host")]


class HostEnded(Exception):
    """The host closed its stdout while an answer was due; ``stderr`` has its last words."""

    def __init__(self, stderr: str) -> None:
        super().__init__(f"the host ended; stderr: {stderr[-2000:]}")
        self.stderr = stderr


class HostProcess:
    """One host. Frames that it writes are checked: a broken one fails the test or the demonstration at once."""

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        arguments: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        command = list(command or default_command())
        self.process = subprocess.Popen(
            [*command, *([origin()] if arguments is None else arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=os.path.dirname(command[0]) or None,
            env=dict(environ) if environ is not None else None,
        )
        self._connection = ClientConnection(max_incoming=MAX_FRAME_TO_BROWSER)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._queues: dict[int | str | None, queue.Queue[Message | Exception]] = {None: queue.Queue()}
        self._stderr = bytearray()
        self._may_read = threading.Event()
        self._may_read.set()
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._threads = [threading.Thread(target=self._read_frames, daemon=True), self._stderr_reader]
        for thread in self._threads:
            thread.start()

    # -------------------------------------------------------------------------------------- requests

    def ask(self, action: str, *, timeout_s: float = 120.0, **fields: Any) -> Iterator[Message]:
        """Send a request and iterate its events, up to and including the last."""
        request_id = self.send(action, **fields)
        return self.events(request_id, timeout_s=timeout_s)

    def result(self, action: str, *, timeout_s: float = 120.0, **fields: Any) -> Message:
        """Send a request and return its last event."""
        return list(self.ask(action, timeout_s=timeout_s, **fields))[-1]

    def send(self, action: str, *, request_id: int | str | None = None, **fields: Any) -> int | str:
        """Send a request; returns its id."""
        if request_id is None:
            request_id = next(self._ids)
        with self._lock:
            self._queues[request_id] = queue.Queue()
            frame = self._connection.send({"id": request_id, "action": action, **fields})
        self.write(frame)
        return request_id

    def events(self, request_id: int | str | None, *, timeout_s: float = 120.0) -> Iterator[Message]:
        """Events of a request in flight; with None, errors that belong to no request (without end)."""
        while True:
            event = self._queues[request_id].get(timeout=timeout_s)
            if isinstance(event, Exception):
                raise event
            yield event
            if request_id is not None and event["event"] in ("done", "error", "cancelled"):
                return

    # ------------------------------------------------------------------------------------- raw bytes

    def write(self, data: bytes) -> None:
        """Write bytes to the host's stdin as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def pause_reading(self) -> None:
        """Stop reading the host's stdout, as a stalled browser would."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Read again."""
        self._may_read.set()

    @property
    def stderr(self) -> str:
        """What the host wrote to stderr so far; all of it once the host has ended."""
        if self.process.poll() is not None:
            self._stderr_reader.join(timeout=1.0)
        return self._stderr.decode("utf-8", "replace")

    def close(self, timeout_s: float = EXIT_LIMIT_S) -> int:
        """End of file on stdin, as a browser does it; returns the exit status.

        Raises:
            subprocess.TimeoutExpired: the host is still there.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        status = self.process.wait(timeout_s)
        self._may_read.set()
        for thread in self._threads:
            thread.join(timeout_s)
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
            self.close(timeout_s=10)
        finally:
            self.process.kill()
            self.process.wait()

    # ---------------------------------------------------------------------------------------- reading

    def _read_frames(self) -> None:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        try:
            while True:
                self._may_read.wait()
                data = os.read(descriptor, READ_SIZE)
                with self._lock:
                    self._connection.receive_data(data)
                    while isinstance(event := self._connection.next_event(), Event):
                        self._queues[event.id].put(event.message)
                if isinstance(event, EndOfStream):
                    raise HostEnded(self.stderr)
        except (ProtocolError, HostEnded, OSError) as error:
            for waiting in list(self._queues.values()):
                waiting.put(error)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        descriptor = self.process.stderr.fileno()
        while data := os.read(descriptor, READ_SIZE):
            self._stderr += data
