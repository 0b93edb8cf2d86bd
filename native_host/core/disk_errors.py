"""Errors of disks as TabAgent's: a full disk, or a place that cannot be written."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from native_host.protocol.errors import ErrorCode, TabAgentError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room, the user's quota is used up, or the file system takes no file so large."""
UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def disk_error(error: OSError, path: Path | None = None) -> TabAgentError | None:
    """Return a full disk or an unwritable place as an error of ours, None for any other error.

    Args:
        error: The system's error. A path in it is reported before ``path``.
        path: The file or folder that was to be written.
    """
    if error.errno in FULL:
        place = _place(error, path)
        where = f" at {place}" if place else ""
        return TabAgentError(ErrorCode.DISK_FULL, f"The disk is full{where}. Make room, then try again.", path=place)
    if error.errno in UNWRITABLE and _place(error, path):
        return _unwritable(error, path)
    return None


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise every error of the disk from within the context as an error of ours.

    Raises:
        TabAgentError: ``disk_full`` or ``config_unwritable``, with the path in ``details``.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) or _unwritable(error, path) from error


def _unwritable(error: OSError, path: Path | None) -> TabAgentError:
    place, reason = _place(error, path), error.strerror or str(error)
    return TabAgentError(
        ErrorCode.CONFIG_UNWRITABLE,
        f"{place} cannot be used: {reason}. Correct that, or choose another folder in the settings.",
        path=place,
        reason=reason,
    )


def _place(error: OSError, path: Path | None) -> str | None:
    """Return the path in the error, which of a link or a renamed file is the new name, else ``path``."""
    named = error.filename2 or error.filename
    if isinstance(named, bytes):
        named = named.decode(errors="replace")
    return str(named) if isinstance(named, str) else str(path) if path else None
