"""Reads a model's files again. In the hub's cache a blob is named by its hash; elsewhere nothing tells."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from native_host.core.model_library.download import READ_SIZE

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


def verify(path: Path, advance: Callable[[int], None], is_unwanted: Callable[[], bool]) -> bool | None:
    """Return True if the content has the hash that its blob is named by, None if the blob has no such name.

    A pipe, a device or a socket is never valid, and is not read: it may never end.

    Args:
        path: The file.
        advance: Called with the number of bytes read.
        is_unwanted: Asked before each read; verification ends, with False, once it returns True.
    """
    blob = path.resolve()
    if not stat.S_ISREG(blob.stat().st_mode):
        return False
    expected = blob.name.removeprefix("sha256-")  # Ollama's
    if _SHA256.fullmatch(expected):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(expected) and blob.parent.name == "blobs":
        digest = hashlib.sha1(usedforsecurity=False)  # git's
        digest.update(f"blob {blob.stat().st_size}\0".encode())
    else:
        return None
    with os.fdopen(os.open(blob, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return False
        while not is_unwanted() and (piece := file.read(READ_SIZE)):
            digest.update(piece)
            advance(len(piece))
    return digest.hexdigest() == expected
