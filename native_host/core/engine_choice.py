"""The user's preference among the engines that Rust ranked for a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.contract import EngineDescriptor
from native_host.core.model_detection import ModelDetection
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import LoadOptions

if TYPE_CHECKING:
    from tabagent_model import EnginePlace, ModelFacts

AUTO = "auto"
FALLBACK = "fallback"


class EngineChoice:
    """Looks at a model and chooses."""

    def __init__(self, detection: ModelDetection, engines: Sequence[EngineDescriptor]) -> None:
        self._detection = detection
        self._engines = engines

    async def choose(
        self, path: str, preference: str, options: LoadOptions
    ) -> tuple[ModelFacts, list[EngineDescriptor]]:
        """What the model there is, and the engines to try, in order.

        Raises:
            TabAgentError: as ``ModelDetection.of_file`` and ``choose_engines``.
        """
        facts = await self._detection.of_file(path, options.context_length, allow_pickle=options.allow_pickle)
        return facts, choose_engines(facts, preference, self._engines)


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
        places = [place for place in places if place["engine"] == preference]
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
