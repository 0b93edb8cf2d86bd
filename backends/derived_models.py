"""Models that an engine makes of others because it cannot read them as they are: made once, gone with their source.

CACHE/derived/IDENTITY/source      the path it was made of
CACHE/derived/IDENTITY/…           what was made
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

_SOURCE = "source"
ABANDONED_AFTER_S = 24 * 3600
"""Nothing takes so long to make: its process was killed."""


def derived(source: Path, cache_dir: Path, make: Callable[[Path], None]) -> Path:
    """The folder that ``make`` has filled for ``source``, now or before. What was made of files that are gone goes.

    Raises:
        OSError: the source cannot be looked at, or the folder not be written; else what ``make`` raises.
    """
    root = cache_dir / "derived"
    folder = root / _identity(source)
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    fresh = root / f".{folder.name}.{os.getpid()}"
    fresh.mkdir(exist_ok=True)
    try:
        make(fresh)
        (fresh / _SOURCE).write_bytes(os.fsencode(source))
        fresh.replace(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return folder


def _identity(source: Path) -> str:
    at = source.stat()
    text = b"%s %d %d" % (os.fsencode(source.resolve()), at.st_size, at.st_mtime_ns)
    return hashlib.sha256(text).hexdigest()[:32]


def _sweep(root: Path) -> None:
    """Remove what was made of files that are gone or changed, and what a process left that was killed."""
    for folder in root.iterdir():
        try:
            source = Path(os.fsdecode((folder / _SOURCE).read_bytes()))
            is_current = _identity(source) == folder.name
        except OSError:
            is_current = folder.name.startswith(".") and time.time() - folder.stat().st_mtime < ABANDONED_AFTER_S
        if not is_current:
            shutil.rmtree(folder, ignore_errors=True)
