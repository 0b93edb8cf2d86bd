"""I2_S files of Microsoft's fork, which llama.cpp does not read: repacked once to TQ2_0, and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import tabagent_model


def readable(path: Path, cache_dir: Path) -> Path:
    """The file itself, or what was made of it.

    Raises:
        tabagent_model.ModelError: it cannot be read, or not be repacked.
    """
    if tabagent_model.read_gguf(path).quantisation != "I2_S":
        return path
    made = cache_dir / "repacked" / f"{_identity(path)}.gguf"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        tabagent_model.repack_bitnet(path, made)
    return made


def _identity(path: Path) -> str:
    at = path.stat()
    text = f"{path.resolve()} {at.st_size} {at.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
