"""Where a model is computed, and in which numbers."""

from __future__ import annotations

from typing import Any

import torch

from backends.contract import EngineError, LoadRequest

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_MISSING = {
    "cuda": "PyTorch finds no CUDA device: install NVIDIA's driver, or load with device cpu or auto.",
    "metal": "PyTorch finds no Metal device: it needs a Mac with Apple silicon. Load with device cpu or auto.",
}


def device_map(request: LoadRequest) -> str:
    """What ``from_pretrained`` takes: accelerate's own choice where there is a GPU and nobody asked for another.

    Raises:
        EngineError: ``load_failed`` where the asked one is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "metal": torch.backends.mps.is_available(), "cpu": True}
    if request.device == "auto":
        return "auto" if there["cuda"] else "mps" if there["metal"] else "cpu"
    if not there[request.device]:
        raise EngineError("load_failed", _MISSING[request.device], device=request.device)
    return {"metal": "mps"}.get(request.device, request.device)


def dtype(request: LoadRequest, config: Any) -> torch.dtype:
    """The numbers asked for, or the weights' own; half floats on a CPU, where they are slowest, become floats."""
    if request.dtype != "auto":
        return _DTYPES[request.dtype]
    own = getattr(config, "dtype", None) or torch.float32
    on_cpu = device_map(request) == "cpu"
    return torch.float32 if on_cpu and own == torch.float16 else own


def use_threads(count: int) -> None:
    """Compute with so many threads, 0 for PyTorch's own choice."""
    if count:
        torch.set_num_threads(count)
