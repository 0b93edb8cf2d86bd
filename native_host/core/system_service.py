"""The use cases about the host itself: hello, status, hardware."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from backends.contract import EngineDescriptor
from backends.registry import is_available
from native_host import __version__
from native_host.core import threads
from native_host.core.loaded_model import LoadedModel
from native_host.core.machine import Machine
from native_host.core.model_library.library import ModelLibrary
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.connection import MAX_IN_FLIGHT, PROTOCOL_VERSION
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.framing import MAX_REQUEST
from native_host.protocol.messages.requests import REQUESTS, HardwareRequest, HelloRequest, StatusRequest
from native_host.protocol.messages.results.system import EngineInfo, HardwareResult, HelloResult, Limits, StatusResult
from native_host.protocol.messages.results.system import LoadedModel as LoadedModelMessage
from native_host.settings import Settings


class SystemService:
    """What this installation is and does."""

    def __init__(
        self,
        *,
        settings: Settings,
        library: ModelLibrary,
        models: ModelManager,
        machine: Machine,
        engines: Sequence[EngineDescriptor],
        count_clients: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._library = library
        self._models = models
        self._machine = machine
        self._engines = engines
        self._count_clients = count_clients
        self._started = time.monotonic()

    async def hello(self, request: HelloRequest, _reply: Reply) -> HelloResult:
        """Agree on the protocol."""
        if request.protocol != PROTOCOL_VERSION:
            raise TabAgentError(
                ErrorCode.VERSION_MISMATCH,
                f"This host speaks protocol {PROTOCOL_VERSION}, the client {request.protocol}. "
                f"Update the {'host' if request.protocol > PROTOCOL_VERSION else 'extension'}.",
                host_protocol=PROTOCOL_VERSION,
                client_protocol=request.protocol,
                host_version=__version__,
            )
        return HelloResult(
            protocol=PROTOCOL_VERSION,
            version=__version__,
            actions=sorted(REQUESTS),
            engines=[_engine_info(engine) for engine in self._engines],
            limits=Limits(max_request_bytes=MAX_REQUEST, max_in_flight=MAX_IN_FLIGHT),
            default_model=await threads.LIBRARY.run(self._library.default, self._settings.default_model),
        )

    async def status(self, _request: StatusRequest, _reply: Reply) -> StatusResult:
        """What is loaded."""
        return StatusResult(
            version=__version__,
            pid=os.getpid(),
            uptime_s=time.monotonic() - self._started,
            clients=self._count_clients(),
            models=[_loaded_model(model) for model in self._models.models],
        )

    async def hardware(self, _request: HardwareRequest, _reply: Reply) -> HardwareResult:
        """What this machine is."""
        return HardwareResult.model_validate(await self._machine.hardware())


def _engine_info(engine: EngineDescriptor) -> EngineInfo:
    return EngineInfo(
        name=engine.name,
        language=engine.language,
        formats=list(engine.formats),
        tasks=list(engine.tasks),
        capabilities=list(engine.capabilities),
        available=is_available(engine),
        install_hint=engine.install_hint,
    )


def _loaded_model(model: LoadedModel) -> LoadedModelMessage:
    return LoadedModelMessage(
        model=model.file.name,
        engine=model.engine.name,
        state=model.state.value,
        pid=model.worker.pid if model.worker else None,
        context_length=model.context_length,
        active_requests=model.active,
        memory_bytes=model.worker.memory_bytes if model.worker else None,
        keep_alive_s=model.keep_alive_s,
        expires_in_s=model.expires_in_s,
    )
