"""Write a file so that it is either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

_SUFFIX = ".tabagent-tmp"


def write(path: Path, content: bytes, mode: int) -> None:
    """Replaces ``path`` by a regular file with ``content`` and exactly ``mode``, on disk before it becomes visible.

    A process killed half-way leaves ``path`` as it was and perhaps one of ``leftovers(path)``.

    Raises:
        OSError: as the system says; nothing is left behind.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def leftovers(path: Path) -> tuple[Path, ...]:
    """Temporary files of writes to ``path`` that were killed."""
    with contextlib.suppress(OSError):
        return tuple(
            sibling
            for sibling in path.parent.iterdir()
            if sibling.name.startswith(f".{path.name}.") and sibling.name.endswith(_SUFFIX)
        )
    return ()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
