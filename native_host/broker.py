"""The broker: one process per user, shared by every browser, profile and command line.

Builds the service, listens on the local socket, and exits by itself when nothing is connected and nothing is loaded.
A lock held for its life makes it the only one; whoever starts a second one sees it leave at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import logging.handlers
import os
import signal
import sys
from functools import partial
from pathlib import Path

from backends.registry import descriptors
from native_host.core.bench_service import BenchService
from native_host.core.engine_choice import EngineChoice
from native_host.core.engine_ranking import EngineRanking
from native_host.core.handler_router import HandlerRouter
from native_host.core.inference_service import InferenceService
from native_host.core.library_service import LibraryService
from native_host.core.machine import Machine
from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.hub_cache import HubCache
from native_host.core.model_library.library import ModelLibrary
from native_host.core.model_library.pull import Puller
from native_host.core.model_library.servers import ModelServers
from native_host.core.model_manager import ModelManager
from native_host.core.model_service import ModelService
from native_host.core.system_service import SystemService
from native_host.core.task_service import TaskService
from native_host.core_dumps import disable_core_dumps
from native_host.settings import Settings, SettingsError, load_settings
from native_host.transports.broker_link import UnsafeLocation, private_dir
from native_host.transports.http_child import HttpChild
from native_host.transports.local_socket import LocalSocketServer
from native_host.transports.worker_process import launch_worker

log = logging.getLogger(__name__)

LOG_BYTES = 2 * 1024 * 1024
LOG_FILES = 3
LAST_CALL_S = 0.05
"""Between taking the socket away and leaving: whoever connected just before is served after all."""


def main() -> None:
    """Entry point of ``tabagent-broker``."""
    disable_core_dumps()
    try:
        settings = load_settings()
        private_dir(settings.socket_path.parent)
    except SettingsError as error:
        sys.stderr.write(f"tabagent-broker: {error}\n")
        sys.exit(2)
    except (UnsafeLocation, OSError) as error:
        sys.exit(f"tabagent-broker: {error}")
    try:
        lock = os.open(settings.socket_path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _start_log(settings)
    except BlockingIOError:
        return
    except OSError as error:
        sys.exit(f"tabagent-broker: {error}")
    os.chdir("/")  # no name of a model means a file of the folder that the first client stood in
    asyncio.Runner().run(Broker(settings).run())
    logging.shutdown()
    os._exit(0)  # a thread may still wait for a server or a disk; nothing that it holds needs an orderly end


class Broker:
    """The composition root: the only place that builds the service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        engines = descriptors()
        self._servers = ModelServers(settings, engines)
        library = ModelLibrary(settings.model_dirs, settings.tool_model_dirs, settings.ollama_dir, self._servers)
        detection = ModelDetection(settings, engines, self._servers)
        machine = Machine()
        launch = partial(launch_worker, cancel_grace_s=settings.cancel_grace_s)
        ranking = EngineRanking(settings, machine, engines)
        choice = EngineChoice(library, detection, ranking, engines)
        self._models = ModelManager(settings, library, choice, machine, launch)
        self._puller = Puller(detection, HubCache.shared)
        inference = InferenceService(settings, self._models)
        self._router = HandlerRouter(
            system=SystemService(
                settings=settings,
                library=library,
                models=self._models,
                machine=machine,
                engines=engines,
                count_clients=lambda: len(self._server.sessions),
            ),
            library=LibraryService(
                library=library,
                servers=self._servers,
                detection=detection,
                ranking=ranking,
                puller=self._puller,
                models=self._models,
            ),
            models=ModelService(self._models),
            inference=inference,
            tasks=TaskService(settings, self._models),
            bench=BenchService(
                library=library,
                choice=choice,
                ranking=ranking,
                models=self._models,
                inference=inference,
                stall_s=settings.generation_stall_s,
            ),
        )
        self._stop = asyncio.Event()
        self._server = LocalSocketServer(self._router)
        self._http = HttpChild(settings)

    async def run(self) -> None:
        """Serve until idle or told to stop."""
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop, self._stop.set)
        path = self._settings.socket_path
        log.info("listening, pid %d", os.getpid())
        await self._http.start()
        while True:
            await self._server.listen(path)
            await self._wait_until_idle()
            path.unlink(missing_ok=True)
            await asyncio.sleep(LAST_CALL_S)
            if self._stop.is_set() or self._is_idle():
                break
        await self._http.stop()
        await self._server.stop()
        await self._puller.close()
        await self._models.close()
        self._servers.close()
        log.info("ended")

    def _is_idle(self) -> bool:
        works = self._server.sessions or self._models.models or self._puller.is_busy or self._http.is_running
        return not works

    async def _wait_until_idle(self) -> None:
        """Return when told to stop, or after ``idle_exit_s`` without a client and without a model."""
        quiet = 0.0
        step = min(0.5, self._settings.idle_exit_s / 4)
        while quiet < self._settings.idle_exit_s:
            try:
                await asyncio.wait_for(self._stop.wait(), step)
                return
            except TimeoutError:
                quiet = quiet + step if self._is_idle() else 0.0


def _start_log(settings: Settings) -> None:
    folder: Path = settings.log_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / "broker.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    for library in ("httpx2", "httpcore2"):  # each request, and every step of it
        logging.getLogger(library).setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
