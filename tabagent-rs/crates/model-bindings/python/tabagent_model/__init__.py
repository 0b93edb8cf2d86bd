"""Models in this process: GGUF through llama.cpp, on the CPU module that suits the machine, safetensors through candle.

    library = tabagent_model.get_optimal_binary("libllama.so")
    with tabagent_model.PyModel() as model:
        model.load(library, "model.gguf")
        for piece in model.stream("Once upon a time", max_tokens=64):
            print(piece, end="")

Blocking calls release the interpreter lock and notice Ctrl-C. A model serves any number of threads at once.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import os
    from pathlib import Path

    os.add_dll_directory(str(Path(__file__).parent / "lib"))

from tabagent_model._cpu import CpuVariantInfo, Fallback, get_cpu_variant, get_library, get_optimal_binary
from tabagent_model._detection import detect_model
from tabagent_model._native import (
    CandleModel,
    Completion,
    CpuVariant,
    GgufInfo,
    PyModel,
    TokenLogprob,
    TokenStream,
    cpu_variants,
    estimate_memory,
    find_models,
    hardware,
    quantize_gguf,
    read_gguf,
    repack_bitnet,
    rewrite_pickled,
)
from tabagent_model.errors import (
    Cancelled,
    ContextOverflow,
    CorruptModel,
    DeviceUnavailable,
    GenerationFailed,
    HubError,
    InsufficientMemory,
    InvalidParameter,
    LibraryLoadError,
    LoadFailed,
    ModelClosed,
    ModelError,
    ModelNotFound,
    ModelRefused,
    NotGguf,
    TokenizerNotFound,
    UnknownArchitecture,
    UnknownModel,
    WrongFormat,
    WrongTask,
)
from tabagent_model.facts import (
    Backend,
    EngineFacts,
    EnginePlace,
    FoundModel,
    FoundModels,
    MemoryFacts,
    ModelFacts,
    ModelFileFacts,
    Obstacle,
)

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "Cancelled",
    "CandleModel",
    "Completion",
    "ContextOverflow",
    "CorruptModel",
    "CpuVariant",
    "CpuVariantInfo",
    "DeviceUnavailable",
    "EngineFacts",
    "EnginePlace",
    "Fallback",
    "FoundModel",
    "FoundModels",
    "GenerationFailed",
    "GgufInfo",
    "HubError",
    "InsufficientMemory",
    "InvalidParameter",
    "LibraryLoadError",
    "LoadFailed",
    "MemoryFacts",
    "ModelClosed",
    "ModelError",
    "ModelFacts",
    "ModelFileFacts",
    "ModelNotFound",
    "ModelRefused",
    "NotGguf",
    "Obstacle",
    "PyModel",
    "TokenLogprob",
    "TokenStream",
    "TokenizerNotFound",
    "UnknownArchitecture",
    "UnknownModel",
    "WrongFormat",
    "WrongTask",
    "cpu_variants",
    "detect_model",
    "estimate_memory",
    "find_models",
    "get_cpu_variant",
    "get_library",
    "get_optimal_binary",
    "hardware",
    "quantize_gguf",
    "read_gguf",
    "repack_bitnet",
    "rewrite_pickled",
]
