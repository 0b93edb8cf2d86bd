"""The user's preference among the engines that were ranked for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.contract import EngineDescriptor
from native_host.core import threads
from native_host.core.engine_ranking import EngineRanking
from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.library import Model, ModelLibrary
from native_host.core.model_library.model_file import ModelFile
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import LoadOptions
from native_host.protocol.messages.results.loading import EngineFallback

if TYPE_CHECKING:
    from tabagent_model import EnginePlace, ModelFacts

AUTO = "auto"
FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that may serve a model, in one of the places where the model is."""

    file: Model
    facts: ModelFacts
    engine: EngineDescriptor


class EngineChoice:
    """Looks at a model and chooses."""

    def __init__(
        self,
        library: ModelLibrary,
        detection: ModelDetection,
        ranking: EngineRanking,
        engines: Sequence[EngineDescriptor],
    ) -> None:
        self._library = library
        self._detection = detection
        self._ranking = ranking
        self._engines = engines

    async def choose(
        self, model: Model, preference: str, options: LoadOptions, failed: list[EngineFallback]
    ) -> list[Candidate]:
        """The engines to try, in order. With ``fallback`` also those of the same model in other places.

        Why a place has nothing to offer is added to ``failed``, as long as another has.

        Raises:
            TabAgentError: as ``here``.
        """
        found: list[Candidate] = []
        first: TabAgentError | None = None
        for place in (model, *await self._elsewhere(model, preference)):
            try:
                found += await self.here(place, preference, options)
            except TabAgentError as error:
                first = first or error
                failed.append(EngineFallback(engine=place.source, code=error.code, message=error.message))
        if not found:
            assert first is not None, "a place has a candidate or an error"
            raise first
        return found

    async def here(self, place: Model, preference: str, options: LoadOptions) -> list[Candidate]:
        """The engines to try for a model where it is, in order.

        Raises:
            TabAgentError: as ``ModelDetection.of_model`` and ``choose_engines``.
        """
        facts = await self._detection.of_model(
            place, options.context_length, allow_pickle=options.allow_pickle, now=preference == FALLBACK
        )
        if preference in (AUTO, FALLBACK):
            facts = await self._ranking.ranked(facts, options)
        return [Candidate(place, facts, engine) for engine in choose_engines(facts, preference, self._engines)]

    async def still_there(self, model: Model) -> bool:
        """Whether a model that was loaded can still be asked: its server answers."""
        try:
            return isinstance(model, ModelFile) or bool(await self._detection.of_model(model, now=True))
        except TabAgentError:
            return False

    async def _elsewhere(self, model: Model, preference: str) -> list[Model]:
        return await threads.LIBRARY.run(self._library.namesakes, model) if preference == FALLBACK else []


def choose_engines(facts: ModelFacts, preference: str, engines: Sequence[EngineDescriptor]) -> list[EngineDescriptor]:
    """The engines to try, in order: the named one; the best (``auto``); all that can (``fallback``). Not empty.

    Raises:
        TabAgentError: what stands in the way of the best one, with what to do about it.
    """
    by_name = {engine.name: engine for engine in engines}
    places = [place for backend in (facts["backend"], *facts["alternatives"]) if backend for place in backend.values()]
    if preference not in (AUTO, FALLBACK):
        if preference not in by_name:
            raise TabAgentError(
                ErrorCode.ENGINE_UNAVAILABLE,
                f"There is no engine {preference[:64]!r}. Engines: {', '.join(by_name)}.",
                engine=preference[:64],
                install_hint="",
            )
        others = [place["engine"] for place in places]
        places = [place for place in places if place["engine"] == preference]
        if others and not places and not facts["obstacles"]:
            kind = facts["model_type"]
            message = f"{preference} does not take {kind}. These do: {', '.join(others)}."
            raise TabAgentError(ErrorCode.UNSUPPORTED_FORMAT, message, format=kind, path=facts["path"])
    able = [by_name[place["engine"]] for place in places if not place["obstacles"]]
    if able:
        return able if preference == FALLBACK else able[:1]
    raise _refusal(facts, places, by_name)


def _refusal(facts: ModelFacts, places: Sequence[EnginePlace], engines: dict[str, EngineDescriptor]) -> TabAgentError:
    """The first obstacle of the best engine; where no engine takes the format at all, what would work."""
    kind, path = facts["model_type"], facts["path"] or facts["source"]
    if facts["obstacles"]:
        obstacle = facts["obstacles"][0]
        advice = f" {facts['conversion']}" if facts["conversion"] else ""
        return TabAgentError(ErrorCode(obstacle["code"]), f"{obstacle['message']}{advice}", path=path, format=kind)
    if places:
        obstacle = places[0]["obstacles"][0]
        engine = places[0]["engine"]
        hint = engines[engine].install_hint if engine in engines else ""
        return TabAgentError(
            ErrorCode(obstacle["code"]), obstacle["message"], engine=engine, install_hint=hint, format=kind, path=path
        )
    advice = facts["conversion"] or f"Engines: {', '.join(engines)}."
    return TabAgentError(ErrorCode.UNSUPPORTED_FORMAT, f"No engine takes {kind}. {advice}", format=kind, path=path)
