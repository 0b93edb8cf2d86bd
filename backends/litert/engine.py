"""The engine behind ``litert``: language models and graphs have nothing in common but their maker."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from backends.contract import LoadProgress, LoadRequest, ModelInfo
from backends.load_progress import ResidentProgress


class LitertEngine:
    """One model; its actions are those of what is loaded."""

    def __init__(self) -> None:
        self._loaded: Any = None

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load it with the library that is for it, and only import that."""
        module, name = ("graph", "Graph") if request.format == "tflite" else ("language_model", "LanguageModel")
        open_: Callable[[LoadRequest], Any] = getattr(import_module(f"backends.litert.{module}"), name)
        with ResidentProgress(request.path.stat().st_size, progress):
            self._loaded = open_(request)
        info: ModelInfo = self._loaded.info()
        return info

    def close(self) -> None:
        """Free what is loaded."""
        if self._loaded is not None:
            self._loaded.close()

    def __getattr__(self, action: str) -> Any:
        return getattr(self._loaded, action)
