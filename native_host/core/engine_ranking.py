"""Rust's order of the engines for a model, with the fastest first where their speed was measured here.

An engine overtakes the first only when both have been measured, when it is faster by more than machines drift, and
when it can do what requests might ask of the first. Any other keeps its place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backends.contract import EngineDescriptor
from backends.registry import version
from native_host.core import threads
from native_host.core.answer_request import CAPABILITIES
from native_host.core.machine import Machine
from native_host.core.measured_speed import (
    TYPICAL_ANSWER,
    TYPICAL_PROMPT,
    Conditions,
    Speed,
    SpeedFile,
    fingerprint,
)
from native_host.protocol.errors import TabAgentError
from native_host.protocol.messages.requests import LoadOptions
from native_host.settings import Settings

if TYPE_CHECKING:
    from tabagent_model import Backend, EnginePlace, ModelFacts

OVERTAKES_BELOW = 0.9
"""Of the time of the one that came first."""

log = logging.getLogger(__name__)


class EngineRanking:
    """Orders engines by what was measured, and takes down what is measured."""

    def __init__(self, settings: Settings, machine: Machine, engines: Sequence[EngineDescriptor]) -> None:
        self._file = SpeedFile(settings.cache_dir / "speeds.json")
        self._threads = settings.threads
        self._machine = machine
        self._engines = {engine.name: engine for engine in engines}

    async def ranked(self, facts: ModelFacts, options: LoadOptions) -> ModelFacts:
        """The same facts; of the engines that nothing keeps from the model, the fastest comes first and says why."""
        places = _places(facts)
        able = [name for name, place in places.items() if not place["obstacles"]]
        if len(able) < 2:
            return facts
        speeds = {name: speed for name, speed in (await self._speeds(facts, options)).items() if name in able}
        if not speeds:
            return facts
        first = able[0]
        if first in speeds:
            equals = [name for name in speeds if self._can(name) >= self._can(first)]
            fastest = min(equals, key=lambda name: speeds[name].typical_ms)
            if speeds[fastest].typical_ms < OVERTAKES_BELOW * speeds[first].typical_ms:
                first = fastest
        found = [_with_reason(it, speeds) for it in (facts["backend"], *facts["alternatives"]) if it]
        found.sort(key=lambda backend: first not in _names(backend))
        return {**facts, "backend": found[0], "alternatives": found[1:]}

    async def record(
        self,
        facts: ModelFacts,
        options: LoadOptions,
        engine: EngineDescriptor,
        rates: tuple[float, float],
        load_ms: float,
    ) -> bool:
        """Keep an engine's speed: prefill and decode in tokens per second. Whether that was possible.

        ``facts`` are of a look with these ``options``.
        """
        conditions = await self._conditions(facts, options)
        if conditions is None:
            return False
        prefill, decode = rates
        speed = Speed(
            conditions=conditions,
            engine=engine.name,
            engine_version=await threads.QUICK.run(version, engine),
            prefill_tokens_per_second=prefill,
            decode_tokens_per_second=decode,
            load_ms=load_ms,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            await threads.QUICK.run(self._file.record, speed)
        except OSError as error:
            log.warning("a measured speed is lost: %s", error)
            return False
        return True

    def _can(self, engine: str) -> frozenset[str]:
        return CAPABILITIES & frozenset(self._engines[engine].capabilities)

    async def _speeds(self, facts: ModelFacts, options: LoadOptions) -> dict[str, Speed]:
        """By engine; those that still hold."""
        identity = await threads.LIBRARY.run(fingerprint, facts)
        if identity is None or not await threads.QUICK.run(self._file.knows, identity):
            return {}
        conditions = await self._conditions(facts, options)
        return {} if conditions is None else await threads.QUICK.run(self._valid, conditions)

    def _valid(self, conditions: Conditions) -> dict[str, Speed]:
        return {
            speed.engine: speed
            for speed in self._file.of(conditions)
            if speed.engine in self._engines and version(self._engines[speed.engine]) == speed.engine_version
        }

    async def _conditions(self, facts: ModelFacts, options: LoadOptions) -> Conditions | None:
        identity = await threads.LIBRARY.run(fingerprint, facts)
        if identity is None:
            return None
        try:
            machine = await self._machine.identity()
        except TabAgentError as error:
            log.warning("speeds of this machine are neither used nor kept: %s", error)
            return None
        memory = facts["memory"]
        return Conditions(
            model=identity,
            machine=f"{machine}, {self._threads or 'all'} threads",
            context_length=memory["context_length"] if memory else options.context_length,
            device=options.device,
            dtype=options.dtype,
            gpu_layers=options.gpu_layers,
        )


def _places(facts: ModelFacts) -> dict[str, EnginePlace]:
    found = [place for it in (facts["backend"], *facts["alternatives"]) if it for place in it.values()]
    return {place["engine"]: place for place in found}


def _names(backend: Backend) -> set[str]:
    return {place["engine"] for place in backend.values()}


def _with_reason(backend: Backend, speeds: dict[str, Speed]) -> Backend:
    return {language: _measured(place, speeds.get(place["engine"])) for language, place in backend.items()}


def _measured(place: EnginePlace, speed: Speed | None) -> EnginePlace:
    if speed is None:
        return place
    took = (
        f"measured here: {TYPICAL_PROMPT} tokens read and {TYPICAL_ANSWER} written "
        f"in {speed.typical_ms / 1000:.2f} s ({speed.measured_at})"
    )
    return {**place, "reason": f"{took}; {place['reason']}"}
