"""Starts the host as a browser would, and shakes hands with it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import manifests
from installer.doctor import Finding, Severity
from native_host import __version__
from native_host.protocol.connection import ClientConnection, Event
from native_host.protocol.errors import ProtocolError
from native_host.protocol.framing import MAX_FRAME_TO_BROWSER, EndOfStream

LIMIT_S = 20.0
_EXITS = {
    2: "Its settings are wrong, or it was started in a terminal: tabagent config show",
    4: "It does not allow the extension: tabagent install",
}
_REMEDY = "tabagent install registers this installation's host; tabagent logs --stderr may tell more."


def examine(host: Path) -> Iterator[Finding]:
    """Whether the program that manifests name answers ``hello``, and how fast."""
    check = "handshake"
    try:
        answer, milliseconds = shake_hands(host)
    except HandshakeFailed as error:
        yield Finding(check, Severity.PROBLEM, f"{host}: {error}", _EXITS.get(error.status or 0, _REMEDY))
        return
    result = answer.get("result")
    if result is None:
        error_ = answer.get("error", {})
        message = f"{host} refuses: {error_.get('code')}: {error_.get('message')}"
        yield Finding(check, Severity.PROBLEM, message, "tabagent logs tells more.")
    elif result["version"] != __version__:
        message = f"{host} is version {result['version']}, this command {__version__}."
        yield Finding(check, Severity.WARNING, message, "tabagent install, then tabagent stop, if this one is to serve")
    else:
        message = (
            f"The host answers in {milliseconds:.0f} ms: version {result['version']}, protocol {result['protocol']}"
        )
        yield Finding(check, Severity.OK, message)


class HandshakeFailed(Exception):
    """The host did not answer; ``status`` is what it exited with, where it did."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def shake_hands(host: Path) -> tuple[dict[str, Any], float]:
    """The last event of ``hello``, and the milliseconds it took from the start of the process.

    Raises:
        HandshakeFailed: there was none.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(
                [host, f"chrome-extension://{manifests.extensions().chromium[0]}/"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                cwd=host.parent,
                bufsize=0,  # else what could not be written is tried again at the end
                start_new_session=True,
            )
        except OSError as error:
            raise HandshakeFailed(f"it cannot be started: {error.strerror}") from error
        with process:
            try:
                answer = _hello(process, began + LIMIT_S)
                return answer, (time.monotonic() - began) * 1000
            except TimeoutError as error:
                raise HandshakeFailed(f"it did not answer within {LIMIT_S:.0f} s") from error
            except ProtocolError as error:
                raise HandshakeFailed(f"what it writes is no answer: {error}") from error
            except (OSError, EOFError) as error:
                status = _ended(process)
                words.seek(0)
                told = words.read().decode("utf-8", "replace").strip()[-500:]
                message = f"it ended with status {status}{': ' + told if told else ''}"
                raise HandshakeFailed(message, status) from error
            finally:
                _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait a moment for it to end by itself, and end it and what it started. Returns its status."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _hello(process: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    connection = ClientConnection(max_incoming=MAX_FRAME_TO_BROWSER)
    process.stdin.write(connection.send({"id": 1, "action": "hello"}))
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    while True:
        while isinstance(event := connection.next_event(), Event):
            if event.is_terminal:
                return event.message
        if isinstance(event, EndOfStream):
            raise EOFError
        if time.monotonic() > deadline:
            raise TimeoutError
        try:
            connection.receive_data(os.read(pipe, 65536))
        except BlockingIOError:
            time.sleep(0.005)
