"""The engine behind ``candle``: a thin layer on ``tabagent_model.CandleModel``, which does the work in Rust."""

from __future__ import annotations

import tabagent_model

from backends.contract import LoadProgress, LoadRequest, ModelInfo
from backends.pickled_weights import as_safetensors
from backends.wheel import WheelText, errors_mapped


class CandleEngine(WheelText):
    """One model of safetensors, of pickled weights made safetensors, or a GGUF file."""

    _model: tabagent_model.CandleModel

    def __init__(self) -> None:
        super().__init__(tabagent_model.CandleModel())

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load onto the device that the request names."""
        path = as_safetensors(request.path, request.cache_dir) if request.format == "pytorch" else request.path
        with errors_mapped():
            self._model.load(
                path,
                device=request.device,
                dtype=request.dtype,
                context_length=request.context_length,
                n_parallel=request.parallel,
                threads=request.threads or None,
                progress=progress,
            )
        return self._model_loaded(device=self._model.device, dtype=self._model.dtype)
