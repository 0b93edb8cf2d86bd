"""PyTorch's pickled weights as safetensors, for engines that never open a pickle. Made once, and kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import tabagent_model

from backends.derived_models import derived

_NAME = "model.safetensors"
_NEIGHBOURS = ("*.json", "*.jinja", "*.txt", "*.model")
"""Configuration and tokenizer, in any of their kinds."""
_LARGEST_NEIGHBOUR = 64 << 20


def as_safetensors(path: Path, cache_dir: Path) -> Path:
    """The safetensors file made of ``path`` (a ``.bin`` or ``.pt`` file, all of its parts with it), now or before.

    What belongs to the model lies beside it, as it lay beside the pickle.

    Raises:
        tabagent_model.ModelError: it cannot be read, or would do more than describe tensors.
        OSError: there is no room for it.
    """
    return derived(path, cache_dir, lambda folder: _write(path, folder)) / _NAME


def _write(path: Path, folder: Path) -> None:
    tabagent_model.rewrite_pickled(path, folder / _NAME)
    for pattern in _NEIGHBOURS:
        for neighbour in path.parent.glob(pattern):
            is_index = neighbour.name.endswith(".index.json")  # it names the pickles
            if neighbour.is_file() and not is_index and neighbour.stat().st_size <= _LARGEST_NEIGHBOUR:
                shutil.copyfile(neighbour, folder / neighbour.name)
