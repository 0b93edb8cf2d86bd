"""HTTP as a child of the broker, for the setting ``http``; ``tabagent serve`` starts the same process by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from native_host.settings import Settings

log = logging.getLogger(__name__)

WITH_BROKER = "--with-broker"
"""It ends at the end of its stdin, so it outlives no broker, however that ended."""
STOP_S = 3.0


class HttpChild:
    """The process, once started."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether it serves; it ends by itself where its port is taken, and its log says so."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, if the settings ask for it."""
        if not self._settings.http:
            return
        path = self._settings.log_dir / "http.stderr"
        try:
            output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            log.warning("%s cannot be written, so HTTP runs without a log: %s", path, error)
            output = os.open(os.devnull, os.O_WRONLY)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "native_host.http_server", WITH_BROKER),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=output,
            )
        finally:
            os.close(output)

    async def stop(self) -> None:
        """End it."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
