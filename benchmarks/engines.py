"""The same weights through every engine that runs them, each in the whole chain."""

from __future__ import annotations

from benchmarks.contender import Contender
from benchmarks.whole_chain import WholeChain
from tabagent_weights import packages, smollm2
from tabagent_weights.routes import TEXT


def engines() -> list[Contender]:
    """llama.cpp's float file first: the others are compared with it."""
    floats = [WholeChain(route.name, str(route.make()), route.engine) for route in TEXT if route.name != PICKLED]
    small = [
        WholeChain("llama.cpp, GGUF Q4_1", str(packages.smollm2_gguf()), "llama_cpp"),
        WholeChain("ONNX Runtime, int4", str(smollm2.onnx("int4")), "onnxruntime"),
    ]
    return [*floats, *small]


PICKLED = "Transformers, pickled"
"""The same as from safetensors, once it is loaded."""
