"""The engine behind ``litert``: language models and graphs have nothing in common but their maker."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from backends.by_task import EngineByTask
from backends.contract import LoadProgress, LoadRequest, ModelInfo


class LitertEngine(EngineByTask):
    """One model; its actions are those of what is loaded."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load it with the library that is for it, and only import that."""
        module, name = ("graph", "Graph") if request.format == "tflite" else ("language_model", "LanguageModel")
        open_: Callable[[LoadRequest], Any] = getattr(import_module(f"backends.litert.{module}"), name)
        return self._load(lambda _, it: open_(it), request.path, [request.path], request, progress)
