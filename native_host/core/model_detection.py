"""What a model is and which engines can run it. Rust finds out, or the server that has it; errors are in our codes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.contract import EngineDescriptor
from backends.registry import is_available
from native_host.core import threads
from native_host.core.model_library.hub_names import as_reference, check_facts
from native_host.core.model_library.hub_token import hub_token
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
_CONFIGURATION = (
    "config.json",
    "genai_config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
MAX_COUNT = 2**53
"""Parameters or tokens. A message's integers are exact in every language up to here."""
MAX_TEXT = 200
"""Characters of a name, such as an architecture's or a license's."""
MAX_MESSAGE = 5000
"""Characters of an error's message, and of each text in its details. A path has 4096 bytes at most."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What the caller wants to know a model for."""

    context_length: int | None
    allow_pickle: bool


class ModelDetection:
    """Asks ``tabagent_model`` in a thread. What is known of a model is kept as long as its files stay the same."""

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
    ) -> ModelFacts:
        """A file, a folder or a repository of the hub, and the engines for it, with what is in their way now.

        A ``source`` that is no absolute path is looked for on the hub only, with the user's token. Only the hub knows
        whether that token has access to a gated repository: its answer for the first file decides, so ``gated`` is
        then no obstacle.

        Raises:
            TabAgentError: ``model_not_found``, ``model_corrupt``, ``format_refused``, ``gated``, ``hub_unavailable``.
        """
        inquiry = Inquiry(context_length, allow_pickle)
        if Path(source).is_absolute():
            return await threads.DETECTION.run(self._detect, source, inquiry, None, None)
        return await threads.DETECTION.run(self._detect_on_hub, as_reference(source, self.endpoint), inquiry)

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
            return await threads.SERVERS.run(self._servers.server(model).describe, model.id, now=now)
        return await self.of_file(model.location, context_length, allow_pickle=allow_pickle)

    async def of_file(self, path: str, context_length: int | None = None, *, allow_pickle: bool = False) -> ModelFacts:
        """A model on disk that is to be loaded; whether memory suffices is the model manager's question.

        Raises:
            TabAgentError: as ``detect``.
        """
        return await threads.LIBRARY.run(self._of_file_now, path, Inquiry(context_length, allow_pickle))

    def _of_file_now(self, path: str, inquiry: Inquiry) -> ModelFacts:
        try:
            state = _state(Path(path))
        except (OSError, ValueError) as error:
            raise TabAgentError(ErrorCode.MODEL_NOT_FOUND, f"There is no model at {path}.", path=path) from error
        return self._of_file(path, inquiry, state)

    def _of_unchanged_file(self, path: str, inquiry: Inquiry, _state: tuple[tuple[int, int], ...]) -> ModelFacts:
        return self._detect(path, inquiry, None, 2**63)

    def _detect_on_hub(self, reference: str, inquiry: Inquiry) -> ModelFacts:
        token = hub_token()
        facts = self._detect(reference, inquiry, token, None)
        if token is not None:
            facts["obstacles"] = [it for it in facts["obstacles"] if it["code"] != ErrorCode.GATED]
        return facts

    def _detect(
        self, source: str, inquiry: Inquiry, auth_token: str | None, available_memory: int | None
    ) -> ModelFacts:
        native = native_module()
        try:
            detect: Callable[..., ModelFacts] = native.detect_model
            facts = detect(
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
        if facts["path"] is None:  # described by the hub
            check_facts(facts)
        return _bounded(facts)

    @cached_property
    def _facts_of_engines(self) -> list[EngineFacts]:
        has_build = _wheel_has_build() if any(engine.uses_cpu_variants for engine in self._engines) else True
        return [_facts(engine, usable=has_build or not engine.uses_cpu_variants) for engine in self._engines]


def _state(path: Path) -> tuple[tuple[int, int], ...]:
    """Return what changes when the model does: times and sizes of its file and of what engines read beside the file.

    A folder's time changes when a file in it is replaced, so a file of any other name counts unless it is overwritten.

    Raises:
        OSError: The file is gone.
    """
    return (*_times([path.stat()]), *_times(_stat(place) for place in _beside(path)))


def _beside(path: Path) -> Iterator[Path]:
    for folder in path.parents[:2]:  # ONNX graphs have a folder of their own below the configuration
        yield folder
        yield from (folder / name for name in _CONFIGURATION)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _times(states: Iterable[os.stat_result | None]) -> Iterator[tuple[int, int]]:
    return ((state.st_mtime_ns, state.st_size) if state is not None else (0, 0) for state in states)


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
    details = {name: _cut(value) if isinstance(value, str) else value for name, value in details.items()}
    return TabAgentError(code, _cut(f"{text[:1].upper()}{text[1:]}."), **details)


def _cut(text: str) -> str:
    """Return a text for people, which a hub's or a folder's names may have made long, within ``MAX_MESSAGE``."""
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def _bounded(facts: ModelFacts) -> ModelFacts:
    """Return the facts without numbers and texts that no model has, whatever its files or the hub claim."""
    for count in ("parameters", "context_length"):
        if (facts[count] or 0) > MAX_COUNT:
            facts[count] = None
    for text in ("architecture", "task", "quantisation", "license", "gated"):
        if len(facts[text] or "") > MAX_TEXT:
            facts[text] = None
    for obstacle in facts["obstacles"]:
        obstacle["message"] = _cut(obstacle["message"])
    return facts


def _facts(engine: EngineDescriptor, *, usable: bool) -> EngineFacts:
    return {
        "name": engine.name,
        "language": engine.language,
        "formats": engine.formats,
        "tasks": engine.tasks,
        "installed": usable and is_available(engine),
        "install_hint": engine.install_hint,
    }
