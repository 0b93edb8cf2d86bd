"""A model on disk, as the library names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
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
    short_name: str = ""
    """Its name if no other model were called the same."""
    longer_names: Callable[[], Iterable[str]] = field(default=tuple, compare=False, repr=False)
    """Returns the names that tell it from models of the same short name, the shortest first."""

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

    @property
    def modified_at(self) -> float | None:
        """Time of the last change of a file, in seconds since 1970."""
        times = []
        for path in self.files or (self.path,):
            with suppress(OSError):
                times.append(path.stat().st_mtime)
        return max(times, default=None)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # gone meanwhile; whoever opens it will say so
