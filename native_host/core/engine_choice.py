"""A model's format and the user's preference → the engine that serves it: engines in Rust first, then Python."""

from __future__ import annotations

from collections.abc import Sequence

from backends.contract import EngineDescriptor
from backends.registry import is_available
from native_host.core.model_library import ModelFile
from native_host.protocol.errors import ErrorCode, TabAgentError

AUTO = "auto"


def choose_engine(model: ModelFile, preference: str, engines: Sequence[EngineDescriptor]) -> EngineDescriptor:
    """The engine for ``model``: the named one, or the first that takes its format and is installed.

    Raises:
        TabAgentError: ``unsupported_format`` or ``engine_unavailable``, with what to install.
    """
    fitting = [engine for engine in engines if model.format in engine.formats]
    if preference != AUTO:
        named = [engine for engine in engines if engine.name == preference]
        if not named:
            raise TabAgentError(
                ErrorCode.ENGINE_UNAVAILABLE,
                f"There is no engine {preference[:64]!r}. Engines: {', '.join(e.name for e in engines)}.",
                engine=preference[:64],
                install_hint="",
            )
        fitting = [engine for engine in fitting if engine.name == preference]
    if not fitting:
        raise TabAgentError(
            ErrorCode.UNSUPPORTED_FORMAT,
            f"No engine takes {model.format} ({model.path.name}).",
            format=model.format,
            path=str(model.path),
        )
    for engine in fitting:
        if is_available(engine):
            return engine
    missing = fitting[0]
    raise TabAgentError(
        ErrorCode.ENGINE_UNAVAILABLE,
        f"The engine {missing.name} for {model.format} is not installed. Install it with: {missing.install_hint}",
        engine=missing.name,
        install_hint=missing.install_hint,
    )
