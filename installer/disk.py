"""Questions to the file system. Changes nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 1 << 20  # no file of ours comes near; a bigger one is not ours


@dataclass(frozen=True, slots=True)
class FoundFile:
    """Something with a name. Whatever is not a readable regular file of ordinary size has empty content."""

    content: bytes
    mode: int
    regular: bool


def read(path: Path) -> FoundFile | None:
    """What is at ``path``; a link at the end is followed for its content but is not regular. None if nothing."""
    try:
        entry = path.lstat()
    except OSError:
        return None
    return FoundFile(_content(path), stat.S_IMODE(entry.st_mode), stat.S_ISREG(entry.st_mode))


def canonical(path: Path) -> Path:
    """The same name in the folder that symbolic links lead to: equal for two ways to one file."""
    return Path(os.path.realpath(path.parent), path.name)


def exists(path: Path) -> bool:
    """Whether something is there, a dangling link included."""
    return os.path.lexists(path)


def missing_directories(directory: Path) -> tuple[Path, ...]:
    """Those that have to be made for ``directory`` to be there, outermost first."""
    missing: list[Path] = []
    while not exists(directory):
        missing.append(directory)
        directory = directory.parent
    return tuple(reversed(missing))


def names_in(directory: Path) -> frozenset[str] | None:
    """What a directory holds; None if it is no directory or cannot be read."""
    try:
        return frozenset(os.listdir(directory))
    except OSError:
        return None


def _content(path: Path) -> bytes:
    try:
        entry = path.stat()
        if not stat.S_ISREG(entry.st_mode) or entry.st_size > _MAX_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
