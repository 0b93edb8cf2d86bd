"""The Rust wheel ``tabagent_model``, imported when it is first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from native_host.protocol.errors import ErrorCode, TabAgentError


def native_module() -> ModuleType:
    """The wheel. A broker without it still runs, and says what is missing.

    Raises:
        TabAgentError: ``engine_unavailable``.
    """
    try:
        return importlib.import_module("tabagent_model")
    except ImportError as error:
        raise TabAgentError(
            ErrorCode.ENGINE_UNAVAILABLE,
            f"TabAgent's Rust part cannot be loaded ({error}). Build and install it with: make wheel",
            engine="tabagent_model",
            install_hint="make wheel",
        ) from error
