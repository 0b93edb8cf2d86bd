"""A model on disk, as the library names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelFile:
    """``path`` is what an engine opens; ``files`` are all of it. ``source`` says where it was found."""

    name: str
    path: Path
    source: str
    files: tuple[Path, ...] = ()
    is_ours: bool = False
    """It may be removed: it lies in the hub's cache or in a folder of the settings."""

    @property
    def location(self) -> str:
        """What tells it from every other model: its path."""
        return str(self.path)

    @property
    def title(self) -> str:
        """What another place would call the same model."""
        return self.name

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files that are there."""
        return sum(_size(path) for path in self.files or (self.path,))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # gone meanwhile; whoever opens it will say so
