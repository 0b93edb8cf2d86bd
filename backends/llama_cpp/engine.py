"""The engine behind ``llama_cpp``: a thin layer on ``tabagent_model.PyModel``, which does the work in Rust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import tabagent_model

from backends.contract import TEXT_ACTIONS, Action, Embeddings, LoadProgress, LoadRequest, ModelInfo, Ranking
from backends.llama_cpp import ternary
from backends.wheel import WheelText, errors_mapped

_ACTIONS: Mapping[str, tuple[Action, ...]] = {
    "generate": TEXT_ACTIONS,
    "embed": ("embed", "tokenize"),
    "rerank": ("rerank", "tokenize"),
}


class LlamaCppEngine(WheelText):
    """One GGUF model, of whatever task it is; its actions are those of what is loaded."""

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
        info = self._model_loaded(cpu_variant=request.cpu_variant)
        return replace(info, actions=_ACTIONS[self._model.task])

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text."""
        with errors_mapped():
            return Embeddings(*self._model.embed(texts))

    def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """How well each document answers the query."""
        with errors_mapped():
            return Ranking(*self._model.rerank(query, documents))
