"""Routes: the same weights as files of different formats, each with the engine that runs the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tabagent_weights import minilm, minilm_gguf, packages, smollm2


@dataclass(frozen=True)
class Route:
    """An engine, and the file of the weights for this engine.

    Attributes:
        name: Engine and format, as tables print them.
        engine: Name of the engine in requests.
        make: Makes the file if the cache lacks it; returns its path.
        is_float: The weights are not quantised, so the engine must agree with PyTorch in every token.
    """

    name: str
    engine: str
    make: Callable[[], Path]
    is_float: bool = True


TEXT = (
    Route("llama.cpp, GGUF F32", "llama_cpp", lambda: smollm2.gguf("F32")),
    Route("llama.cpp, GGUF Q8_0", "llama_cpp", lambda: smollm2.gguf("Q8_0"), is_float=False),
    Route("llama-cpp-python, GGUF F32", "llama_cpp_python", lambda: smollm2.gguf("F32")),
    Route("candle, safetensors", "candle", lambda: smollm2.safetensors() / "model.safetensors"),
    Route("candle, GGUF F32", "candle", lambda: smollm2.gguf("F32")),
    Route("Transformers, safetensors", "transformers", lambda: smollm2.safetensors() / "model.safetensors"),
    Route("Transformers, pickled", "transformers", lambda: smollm2.pickled() / "pytorch_model.bin"),
    Route("ONNX Runtime, float32", "onnxruntime", lambda: smollm2.onnx("fp32")),
)
EMBEDDINGS = (
    Route("Transformers, safetensors", "transformers", lambda: packages.minilm_safetensors() / "model.safetensors"),
    Route("llama.cpp, GGUF F32", "llama_cpp", minilm_gguf.embeds),
    Route("ONNX Runtime, float32", "onnxruntime", minilm.onnx_float),
    Route("ONNX Runtime, int8", "onnxruntime", minilm.onnx_int8, is_float=False),
)
