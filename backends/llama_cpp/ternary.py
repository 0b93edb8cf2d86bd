"""I2_S files of Microsoft's fork, which llama.cpp does not read: repacked once to TQ2_0, and kept."""

from __future__ import annotations

from pathlib import Path

import tabagent_model

from backends.derived_models import derived

_NAME = "model.gguf"


def readable(path: Path, cache_dir: Path) -> Path:
    """The file itself, or what was made of it.

    Raises:
        tabagent_model.ModelError: it cannot be read, or not be repacked.
    """
    if tabagent_model.read_gguf(path).quantisation != "I2_S":
        return path
    return derived(path, cache_dir, lambda folder: tabagent_model.repack_bitnet(path, folder / _NAME)) / _NAME
