"""The engine behind ``llama_cpp``: a thin layer on ``tabagent_model.PyModel``, which does the work in Rust."""

from __future__ import annotations

import tabagent_model

from backends.contract import LoadProgress, LoadRequest, ModelInfo
from backends.llama_cpp import ternary
from backends.wheel import WheelText, errors_mapped


class LlamaCppEngine(WheelText):
    """One GGUF model."""

    _model: tabagent_model.PyModel

    def __init__(self) -> None:
        super().__init__(tabagent_model.PyModel())

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load with the library of the given CPU variant."""
        with errors_mapped():
            self._model.load(
                tabagent_model.get_library(request.cpu_variant),
                str(ternary.readable(request.path, request.cache_dir)),
                gpu_layers=request.gpu_layers,
                mlock=request.mlock,
                context_length=request.context_length,
                n_parallel=request.parallel,
                threads=request.threads or None,
                progress=progress,
            )
        return self._model_loaded(cpu_variant=request.cpu_variant)
