"""What a model is and which engines can run it. Rust finds out, or the server that has it; errors are in our codes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.contract import EngineDescriptor
from backends.registry import is_available
from native_host.core.model_library.library import Model
from native_host.core.model_library.served import RemoteModel
from native_host.core.model_library.servers import ModelServers
from native_host.core.native import native_module
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.settings import Settings

if TYPE_CHECKING:
    from tabagent_model import EngineFacts, ModelFacts

_CODES = {
    "ModelNotFound": ErrorCode.MODEL_NOT_FOUND,
    "UnknownModel": ErrorCode.MODEL_NOT_FOUND,
    "NotGguf": ErrorCode.MODEL_CORRUPT,
    "WrongFormat": ErrorCode.MODEL_CORRUPT,
    "CorruptModel": ErrorCode.MODEL_CORRUPT,
    "ModelRefused": ErrorCode.FORMAT_REFUSED,
    "HubError": ErrorCode.HUB_UNAVAILABLE,
    "LoadFailed": ErrorCode.LOAD_FAILED,
}
_HUB_CODES = {401: ErrorCode.GATED, 403: ErrorCode.GATED, 404: ErrorCode.MODEL_NOT_FOUND}
"""By HTTP status. A hub says 401 of what does not exist, too, so that nobody learns what does."""
_CACHED = 1024


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What the caller wants to know a model for."""

    context_length: int | None
    allow_pickle: bool


class ModelDetection:
    """Asks ``tabagent_model`` in a thread. What is known of a file is kept as long as the file stays the same."""

    def __init__(
        self, settings: Settings, engines: Sequence[EngineDescriptor], servers: ModelServers | None = None
    ) -> None:
        self._settings = settings
        self._servers = servers
        self._engines = engines
        self._of_file = lru_cache(_CACHED)(self._of_unchanged_file)

    async def detect(
        self,
        source: str,
        *,
        context_length: int | None = None,
        allow_pickle: bool = False,
        auth_token: str | None = None,
    ) -> ModelFacts:
        """A file, a folder or a repository of the hub, and the engines for it, with what is in their way now.

        Raises:
            TabAgentError: ``model_not_found``, ``model_corrupt``, ``format_refused``, ``hub_unavailable``.
        """
        inquiry = Inquiry(context_length, allow_pickle)
        return await asyncio.to_thread(self._detect, source, inquiry, auth_token, None)

    @property
    def endpoint(self) -> str:
        """The hub's address."""
        return self._settings.hub_endpoint.rstrip("/")

    def look_at(self, path: str, *, allow_pickle: bool = False) -> ModelFacts:
        """A model on disk, now and in this thread.

        Raises:
            TabAgentError: as ``detect``.
        """
        return self._detect(path, Inquiry(None, allow_pickle), None, 2**63)

    async def of_model(
        self, model: Model, context_length: int | None = None, *, allow_pickle: bool = False, now: bool = False
    ) -> ModelFacts:
        """A model of the library that is to be loaded. ``now``: a server must answer this very moment.

        Raises:
            TabAgentError: as ``detect``; ``engine_unavailable`` where its server does not answer.
        """
        if isinstance(model, RemoteModel):
            assert self._servers is not None, "who finds models of servers has servers"
            return await asyncio.to_thread(self._servers.server(model).describe, model.id, now=now)
        return await self.of_file(model.location, context_length, allow_pickle=allow_pickle)

    async def of_file(self, path: str, context_length: int | None = None, *, allow_pickle: bool = False) -> ModelFacts:
        """A model on disk that is to be loaded; whether memory suffices is the model manager's question.

        Raises:
            TabAgentError: as ``detect``.
        """
        return await asyncio.to_thread(self._of_file_now, path, Inquiry(context_length, allow_pickle))

    def _of_file_now(self, path: str, inquiry: Inquiry) -> ModelFacts:
        try:
            at = Path(path).stat()
        except (OSError, ValueError) as error:
            raise TabAgentError(ErrorCode.MODEL_NOT_FOUND, f"There is no model at {path}.", path=path) from error
        return self._of_file(path, inquiry, at.st_mtime_ns, at.st_size)

    def _of_unchanged_file(self, path: str, inquiry: Inquiry, _changed: int, _size: int) -> ModelFacts:
        return self._detect(path, inquiry, None, 2**63)

    def _detect(
        self, source: str, inquiry: Inquiry, auth_token: str | None, available_memory: int | None
    ) -> ModelFacts:
        native = native_module()
        try:
            detect: Callable[..., ModelFacts] = native.detect_model
            return detect(
                source,
                auth_token,
                endpoint=self.endpoint,
                context_length=inquiry.context_length,
                allow_pickle=inquiry.allow_pickle,
                engines=self._facts_of_engines,
                available_memory=available_memory,
                onnx_use_rust=self._settings.onnx_use_rust,
                litert_use_rust=self._settings.litert_use_rust,
            )
        except native.ModelError as error:
            raise as_tabagent_error(error) from error

    @cached_property
    def _facts_of_engines(self) -> list[EngineFacts]:
        has_build = _wheel_has_build() if any(engine.uses_cpu_variants for engine in self._engines) else True
        return [_facts(engine, usable=has_build or not engine.uses_cpu_variants) for engine in self._engines]


def _wheel_has_build() -> bool:
    """Whether the wheel's llama.cpp runs here, which a child process tries. What a setting gets wrong, a load tells."""
    native = native_module()
    try:
        native.get_cpu_variant()
    except native.LibraryLoadError:
        return False
    except ValueError:
        pass
    return True


def as_tabagent_error(error: Any) -> TabAgentError:
    """An error of ``tabagent_model``'s detection in our codes."""
    code = _CODES.get(type(error).__name__, ErrorCode.LOAD_FAILED)
    if code is ErrorCode.HUB_UNAVAILABLE:
        code = _HUB_CODES.get(error.details["status"], code)
    details = {**error.details, **({"path": error.path} if error.path else {})}
    text = str(error).removesuffix(".")
    return TabAgentError(code, f"{text[:1].upper()}{text[1:]}.", **details)


def _facts(engine: EngineDescriptor, *, usable: bool) -> EngineFacts:
    return {
        "name": engine.name,
        "language": engine.language,
        "formats": engine.formats,
        "tasks": engine.tasks,
        "installed": usable and is_available(engine),
        "install_hint": engine.install_hint,
    }
