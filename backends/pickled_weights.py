"""Pickled weights as safetensors, so that no engine opens a pickle: written once by Rust's reader, and kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import tabagent_model

from backends.contract import EngineError
from backends.derived_models import derived

_NAME = "model.safetensors"
_CONFIGURATION = {".json", ".txt", ".model", ".jinja", ".tiktoken"}


def as_safetensors(path: Path, cache_dir: Path) -> Path:
    """The safetensors file made of the pickled weights at ``path``, beside copies of the model's configuration.

    Raises:
        EngineError: ``format_refused`` where the pickle holds anything but weights, ``model_corrupt``, ``load_failed``.
    """

    def make(folder: Path) -> None:
        tabagent_model.rewrite_pickled(path, folder / _NAME)
        for file in path.parent.iterdir():
            if file.suffix in _CONFIGURATION and not file.name.endswith(".index.json"):
                shutil.copyfile(file, folder / file.name)

    try:
        return derived(path, cache_dir, make) / _NAME
    except tabagent_model.ModelRefused as error:
        raise EngineError("format_refused", str(error), path=str(path)) from error
    except tabagent_model.CorruptModel as error:
        raise EngineError("model_corrupt", str(error), path=str(path)) from error
    except tabagent_model.ModelError as error:
        raise EngineError("load_failed", str(error), path=str(path)) from error
