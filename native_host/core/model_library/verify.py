"""Reads a model's files again. In the hub's cache a blob is named by its hash; elsewhere nothing tells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from native_host.core.model_library.download import READ_SIZE

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


def verify(path: Path, advance: Callable[[int], None]) -> bool | None:
    """Whether the content has the hash that its blob is named by; None where it has no such name.

    ``advance`` is called with the bytes read.
    """
    blob = path.resolve()
    expected = blob.name.removeprefix("sha256-")  # Ollama's
    if _SHA256.fullmatch(expected):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(expected) and blob.parent.name == "blobs":
        digest = hashlib.sha1(usedforsecurity=False)  # git's
        digest.update(f"blob {blob.stat().st_size}\0".encode())
    else:
        return None
    with blob.open("rb") as file:
        while piece := file.read(READ_SIZE):
            digest.update(piece)
            advance(len(piece))
    return digest.hexdigest() == expected
