"""The library's downloads for programs that use TabAgent as a Python library, without a broker.

cache = ModelCache()
path = cache.download_quant("org/model-GGUF", "Q4_K_M")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from backends.registry import descriptors
from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.hub_cache import HubCache
from native_host.core.model_library.pull import Puller
from native_host.settings import Settings, load_settings

Progress = Callable[[int, int], object]
"""Called with the bytes that are there, and in all."""


class ModelCache:
    """Models of the hub in the Hugging Face cache, whole and verified."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or load_settings()
        self._cache = HubCache.shared()

    def has_file(self, repository: str, file: str) -> bool:
        """Whether the file of ``org/name`` is there, in any commit."""
        return self.get_file(repository, file) is not None

    def get_file(self, repository: str, file: str) -> Path | None:
        """Where the file of ``org/name`` is, in the newest commit that is there; None where it is not."""
        found = [
            path
            for snapshot in self._cache.snapshots()
            if snapshot.repository == repository
            and (path := snapshot.path / file).resolve().is_relative_to(snapshot.path.parents[1].resolve())
            and path.is_file()
        ]
        return max(found, key=lambda path: path.parent.stat().st_mtime, default=None)

    def download_quant(self, repository: str, quantisation: str, progress: Progress | None = None) -> Path:
        """Bring a quantisation of ``org/name`` here, with all that belongs to it. Returns what an engine opens.

        Raises:
            TabAgentError: as ``pull_model``.
        """
        return asyncio.run(self._download(f"{repository}:{quantisation}", progress))

    async def _download(self, reference: str, progress: Progress | None) -> Path:
        puller = Puller(ModelDetection(self._settings, descriptors()), lambda: self._cache)
        _, path = await puller.pull(reference, _Reporter(progress))
        return path


class _Reporter:
    """A reply that hands progress to a function."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    async def progress(self, stage: str, done: int, total: int, unit: str, **more: str | float | None) -> None:  # noqa: ARG002
        """Pass it on."""
        if self._progress is not None:
            self._progress(done, total)

    async def token(self, text: str, **more: object) -> None:
        """A download has none."""
