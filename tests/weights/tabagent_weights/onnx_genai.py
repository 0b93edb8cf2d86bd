"""Folders for onnxruntime-genai, built from Hugging Face's folders by its own builder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tabagent_weights import made
from tabagent_weights.run import python


def made_of(name: str, source: Callable[[], Path], precision: str) -> Path:
    """Return the folder of a model.

    Args:
        name: Name of the model.
        source: Returns the model's folder of safetensors; called only if the result is not in the cache.
        precision: ``fp32`` or ``int4``.
    """

    def make(folder: Path) -> None:
        cache = folder.with_suffix(".cache")
        arguments = ["-i", str(source()), "-o", str(folder), "-p", precision, "-e", "cpu", "-c", str(cache)]
        options = ["--extra_options", "hf_token=false"]
        python("-m", "onnxruntime_genai.models.builder", *arguments, *options)
        shutil.rmtree(cache, ignore_errors=True)

    return made(f"{name}-onnx-{precision}", 1, make)
