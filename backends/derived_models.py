"""Models that an engine makes of others because it cannot read them as they are: made once, gone with their source.

CACHE/derived/IDENTITY/source      the path it was made of
CACHE/derived/IDENTITY/…           what was made
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from backends.contract import EngineError

_SOURCE = "source"
_SYSTEM_NUMBER = re.compile(r"\(os error (\d+)\)")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ABANDONED_AFTER_S = 24 * 3600
"""Nothing takes so long to make: its process was killed."""


def derived(source: Path, cache_dir: Path, make: Callable[[Path], None]) -> Path:
    """The folder that ``make`` has filled for ``source``, now or before. What was made of files that are gone goes.

    Raises:
        EngineError: ``disk_full`` or ``config_unwritable``: the cache cannot be written.
        OSError: the source cannot be looked at; else what ``make`` raises.
    """
    root = cache_dir / "derived"
    folder = root / _identity(source)
    if folder.is_dir():
        return folder
    fresh = root / f".{folder.name}.{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        fresh.mkdir(exist_ok=True)
        make(fresh)
        (fresh / _SOURCE).write_bytes(os.fsencode(source))
        fresh.replace(folder)
    except BaseException as error:
        failure = _disk_error(error, root)
        shutil.rmtree(fresh, ignore_errors=True)
        if failure is not None:
            raise failure from error
        raise
    return folder


def _disk_error(error: BaseException, root: Path) -> EngineError | None:
    """Return a full or unwritable cache as an engine's error. Errors of the wheel name the system's number only."""
    match = _SYSTEM_NUMBER.search(str(error))
    number = error.errno if isinstance(error, OSError) else int(match[1]) if match else None
    if number in _FULL:
        message = f"The disk is full at {root}. Make room, then try again."
        return EngineError("disk_full", message, path=str(root))
    if isinstance(error, OSError) and str(error.filename).startswith(str(root)):
        reason = error.strerror or str(error)
        message = f"{error.filename} cannot be used: {reason}. Correct that, or set cache_dir."
        return EngineError("config_unwritable", message, path=str(error.filename), reason=reason)
    return None


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
