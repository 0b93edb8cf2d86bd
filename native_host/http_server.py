"""The HTTP process, started by ``tabagent serve``, or by the broker where the setting ``http`` asks for it.

Exit status: 0 told to stop, 1 it cannot be served like this, 2 unusable settings, 3 the port is taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from native_host.core_dumps import disable_core_dumps
from native_host.settings import Settings, SettingsError, load_settings
from native_host.transports.broker_client import BrokerClient
from native_host.transports.broker_link import UnsafeLocation
from native_host.transports.http.access import Access, AccessError, token_path
from native_host.transports.http.app import application
from native_host.transports.http.guard import Guard
from native_host.transports.http.server import PortTaken, listen, server
from native_host.transports.http.service import Service
from native_host.transports.http.slots import Slots
from native_host.transports.http_child import WITH_BROKER
from native_host.transports.http_presence import present, serving

MIB = 1024 * 1024
PREDECESSOR_S = 5.0


class CannotServe(Exception):
    """HTTP cannot be served like this; the message says what to change. ``status`` is the process's."""

    def __init__(self, reason: object, status: int = 1) -> None:
        super().__init__(str(reason))
        self.status = status


def main() -> None:
    """Entry point of ``python -m native_host.http_server``."""
    disable_core_dumps()
    try:
        serve(load_settings())
    except SettingsError as error:
        sys.stderr.write(f"tabagent: {error}\n")
        sys.exit(2)
    except CannotServe as error:
        sys.stderr.write(f"tabagent: {error}\n")
        sys.exit(error.status)


def _tell(url: str, token_file: Path) -> None:
    sys.stderr.write(f"TabAgent listens on {url}; the token is in {token_file}\n")


def serve(settings: Settings, tell: Callable[[str, Path], None] = _tell) -> None:
    """Serve until told to stop.

    ``tell`` is called with the address and the token's file, once it listens.

    Raises:
        CannotServe: the port is taken, or something else about the settings.
    """
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        listening = _listen(settings)
    except PortTaken as error:
        raise CannotServe(_who_serves(settings) or error, 3) from error
    except OSError as error:
        raise CannotServe(f"{settings.http_host} cannot be listened on: {error}") from error
    host, port = listening.getsockname()[:2]
    try:
        access = Access.of(settings, port)
    except AccessError as error:
        raise CannotServe(error) from error
    service = Service(BrokerClient(settings), Slots(settings.http_max_concurrent))
    app = Guard(application(service), access, max_body=settings.http_max_body_mb * MIB)
    address = f"[{host}]" if ":" in host else host
    with ExitStack() as stack:
        try:
            if WITH_BROKER not in sys.argv[1:]:
                stack.enter_context(present(settings))
        except (UnsafeLocation, OSError) as error:
            raise CannotServe(error) from error
        signal.signal(signal.SIGTERM, _leave)  # uvicorn raises it once more when it has ended
        tell(f"http://{address}:{port}", token_path(settings))
        asyncio.run(_run(server(app), listening))


def _leave(*_: object) -> None:
    sys.exit(0)


def _who_serves(settings: Settings) -> str | None:
    """Where a port is taken, and perhaps by a TabAgent of the same user."""
    if not (pids := serving(settings)):
        return None
    who = ", ".join(map(str, pids))
    return (
        f"port {settings.http_port} of {settings.http_host} is taken, and TabAgent serves already (process {who}); "
        "use that, end it with tabagent stop, or choose another port with --http-port or http_port"
    )


def _listen(settings: Settings) -> socket.socket:
    """A child of the broker waits for that of an earlier broker to leave the port."""
    deadline = time.monotonic() + (PREDECESSOR_S if WITH_BROKER in sys.argv[1:] else 0)
    while True:
        try:
            return listen(settings.http_host, settings.http_port)
        except PortTaken:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


async def _run(http: uvicorn.Server, listening: socket.socket) -> None:
    """Serve; a child of the broker ends with its stdin."""

    def read() -> None:
        if not os.read(0, 4096):
            http.should_exit = True
            asyncio.get_running_loop().remove_reader(0)

    if WITH_BROKER in sys.argv[1:]:
        asyncio.get_running_loop().add_reader(0, read)
    await http.serve(sockets=[listening])


if __name__ == "__main__":
    main()
