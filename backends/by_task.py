"""An engine that has a class for each task: it is whatever it has loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from backends.contract import LoadProgress, LoadRequest, ModelInfo
from backends.load_progress import ResidentProgress

Loader = Callable[[Path, LoadRequest], Any]
"""Makes a loaded model, which tells its ``info`` and has the methods of its actions, and ``close``."""


def imported_late(module: str, name: str) -> Loader:
    """Return a loader that imports the class ``name`` of ``module`` when it is called.

    The libraries of some tasks take seconds to import: pictures need torchvision, speech needs scipy.
    """

    def load(path: Path, request: LoadRequest) -> Any:
        return getattr(import_module(module), name)(path, request)

    return load


class EngineByTask:
    """One model, of whatever task it is; its actions are those of what is loaded."""

    def __init__(self) -> None:
        self._loaded: Any = None

    def _load(
        self, loader: Loader, path: Path, weights: Iterable[Path], request: LoadRequest, progress: LoadProgress
    ) -> ModelInfo:
        """Have ``loader`` load what is at ``path``; ``weights`` are the files that it reads."""
        with ResidentProgress(sum(file.stat().st_size for file in weights), progress):
            loaded = loader(path, request)
        return self._serve(loaded)

    def _serve(self, loaded: Any) -> ModelInfo:
        """Be what was loaded."""
        self._loaded = loaded
        info: ModelInfo = loaded.info()
        return info

    def close(self) -> None:
        """Free what is loaded."""
        if self._loaded is not None:
            self._loaded.close()

    def __getattr__(self, action: str) -> Any:
        return getattr(self._loaded, action)
