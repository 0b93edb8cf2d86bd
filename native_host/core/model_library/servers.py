"""The servers in the settings, and what they have: asked all at once, waited for briefly, remembered for moments."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from backends.contract import Catalogue, EngineDescriptor, EngineError, ServedModel, Server
from backends.registry import is_available, resolve
from native_host.core.model_library.served import RemoteModel, facts
from native_host.protocol import strict_json
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.settings import Settings
from native_host.settings.schema import LM_STUDIO_URL, OLLAMA_URL

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

log = logging.getLogger(__name__)

REMEMBERED_S = 2.0
CONNECT_S = 0.5
LISTING_S = 2.0
"""A listing waits no longer, whatever a server does."""
ANSWER_S = 10.0
"""For a model that somebody asked for by name."""
PULL_STALL_S = 600.0
"""A server that verifies what it downloaded is silent for long."""
STALL_FRACTION = 0.9
"""Of the time after which the broker gives up on a worker: the engine says first which server it was."""
MAX_NAME = 4000
MAX_MODELS = 2000
"""Of one server; a listing has to stay small enough to be sent."""
MAX_COUNT = 2**53
MAX_LABEL = 200


class ModelServer:
    """One server. What it said last is remembered for a moment."""

    def __init__(self, address: Server, kind: str, engines: Sequence[EngineDescriptor]) -> None:
        self.address = address
        self._kind = kind
        self._engines = engines
        self._catalogue = next((it.catalogue for it in engines if it.catalogue and it.formats[0] == kind), "")
        self._lock = threading.Lock()
        self._said: tuple[float, list[ServedModel] | EngineError] = (float("-inf"), [])

    def model(self, model_id: str) -> RemoteModel:
        """The model of that name there, whether it is or not."""
        return RemoteModel(self.address, self._kind, model_id)

    def models(self) -> list[RemoteModel]:
        """What it has; nothing where it does not say."""
        try:
            return [self.model(it.id) for it in self._ask(CONNECT_S, LISTING_S)]
        except EngineError as error:
            log.debug("%s lists no models: %s", self.address.name, error)
            return []

    def describe(self, model_id: str, *, now: bool = False) -> ModelFacts:
        """What it says about a model. ``now``: what it said a moment ago does not count.

        Raises:
            TabAgentError: ``model_not_found``, ``engine_unavailable``, and what else keeps it from answering.
        """
        model = self.model(model_id)
        try:
            told = self._ask(self.address.connect_s, ANSWER_S, now=now, again_after_error=True)
        except EngineError as error:
            if error.code != "unsupported_task":
                raise as_tabagent_error(error) from error
            return facts(model, ServedModel(model_id), self._engines)  # it has models but no list of them
        found = next((it for it in told if it.id == model_id), None)
        if found is None:
            raise TabAgentError(
                ErrorCode.MODEL_NOT_FOUND,
                f"{self.address.name} at {self.address.url} has no model {model_id[:200]!r}.",
                model=model.name[:200],
            )
        return facts(model, found, self._engines)

    def open(self) -> Catalogue:
        """What asks it; whoever opens it closes it."""
        return self._open(replace(self.address, stall_s=PULL_STALL_S))

    def pull(self, catalogue: Catalogue, model_id: str, progress: Callable[[int, int], None]) -> None:
        """Have it download a model.

        Raises:
            TabAgentError: it cannot, or it failed.
        """
        try:
            catalogue.pull(model_id, lambda done, total: progress(_count(done) or 0, _count(total) or 0))
        except EngineError as error:
            raise as_tabagent_error(error) from error
        self._said = (float("-inf"), [])

    def _ask(
        self, connect_s: float, answer_s: float, *, now: bool = False, again_after_error: bool = False
    ) -> list[ServedModel]:
        with self._lock:
            at, said = self._said
            is_old = now or time.monotonic() - at > REMEMBERED_S
            if is_old or (again_after_error and isinstance(said, EngineError)):
                said = self._listing(replace(self.address, connect_s=connect_s, stall_s=answer_s))
                self._said = time.monotonic(), said
        if isinstance(said, EngineError):
            raise said
        return said

    def _listing(self, address: Server) -> list[ServedModel] | EngineError:
        try:
            with closing(self._open(address)) as catalogue:
                models = catalogue.models()
            return [_checked(model) for model in islice((it for it in models if _is_sendable(it.id)), MAX_MODELS)]
        except EngineError as error:
            return error
        except Exception as error:  # one catalogue's defect is not the others'
            log.exception("asking %s failed", address.name)
            return EngineError("load_failed", f"{address.name} cannot be asked: {type(error).__name__}: {error}")

    def _open(self, address: Server) -> Catalogue:
        catalogue: Catalogue = resolve(self._catalogue)(address)
        return catalogue


class ModelServers:
    """All of them, by name, in the order of the settings."""

    def __init__(self, settings: Settings, engines: Sequence[EngineDescriptor]) -> None:
        usable = [engine for engine in engines if is_available(engine)]
        kinds = {engine.formats[0] for engine in usable if engine.catalogue}
        self._servers = {
            place.name: ModelServer(_address(place, settings), place.kind, usable)
            for place in _places(settings)
            if place.kind in kinds
        }
        self._threads = ThreadPoolExecutor(max(1, len(self._servers)), "servers")
        self._asked: dict[str, Future[list[RemoteModel]]] = {}

    def models(self) -> list[RemoteModel]:
        """What runs and answers now."""
        for name, server in self._servers.items():
            pending = self._asked.get(name)
            if pending is None or pending.done():
                self._asked[name] = self._threads.submit(server.models)
        asked = [self._asked[name] for name in self._servers]
        wait(asked, LISTING_S)
        return [model for it in asked if it.done() for model in it.result()]

    def find(self, reference: str) -> RemoteModel | None:
        """The model that ``SERVER/MODEL`` means; None where the first part is no server's name."""
        name, slash, model_id = reference.partition("/")
        server = self._servers.get(name)
        return server.model(model_id) if server and slash and model_id else None

    def server(self, model: RemoteModel) -> ModelServer:
        """Who has the model."""
        return self._servers[model.server.name]

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    kind: str
    url: str
    is_guessed: bool = False


def _places(settings: Settings) -> list[_Place]:
    own = [
        _Place("ollama", "ollama", settings.ollama_url, settings.ollama_url == OLLAMA_URL),
        _Place("lm-studio", "lm-studio", settings.lm_studio_url, settings.lm_studio_url == LM_STUDIO_URL),
    ]
    others = [_Place(name, "openai", url) for name, url in settings.servers.items()]
    return [place for place in (*own, *others) if place.url]


def _address(place: _Place, settings: Settings) -> Server:
    key = settings.server_keys.get(place.name, "")
    stall_s = settings.generation_stall_s * STALL_FRACTION
    return Server(place.name, place.url.rstrip("/"), key, stall_s=stall_s, is_guessed=place.is_guessed)


def as_tabagent_error(error: EngineError) -> TabAgentError:
    """An error of a catalogue, in the broker."""
    details: dict[str, Any] = error.details
    return TabAgentError(ErrorCode(error.code), error.message, **details)


def _is_sendable(model_id: Any) -> bool:
    return isinstance(model_id, str) and 0 < len(model_id) <= MAX_NAME and strict_json.clean(model_id) == model_id


def _checked(model: ServedModel) -> ServedModel:
    """Drop what a catalogue, a third party's too, says in a form that cannot be sent on."""
    return ServedModel(
        model.id,
        task=_label(model.task),
        architecture=_label(model.architecture),
        quantisation=_label(model.quantisation),
        context_length=_count(model.context_length),
        size_bytes=_count(model.size_bytes),
    )


def _label(value: object) -> str | None:
    return strict_json.clean(value[:MAX_LABEL]) if isinstance(value, str) else None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        return None
    return value
