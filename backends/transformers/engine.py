"""The engine behind ``transformers``: a class of Transformers for each task of the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.utils import logging

from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.load_progress import ResidentProgress
from backends.pickled_weights import as_safetensors
from backends.transformers.classification import Classification
from backends.transformers.embeddings import SentenceEmbeddings
from backends.transformers.images import ImageClassification
from backends.transformers.placement import use_threads
from backends.transformers.speech import SpeechRecognition
from backends.transformers.text_generation import TextGeneration

logging.set_verbosity_error()  # type: ignore[no-untyped-call]

_BY_TASK: dict[str | None, Callable[[Path, LoadRequest], Any]] = {
    "text-generation": TextGeneration,
    "feature-extraction": SentenceEmbeddings,
    "sentence-similarity": SentenceEmbeddings,
    "text-ranking": Classification,
    "text-classification": Classification,
    "image-classification": ImageClassification,
    "automatic-speech-recognition": SpeechRecognition,
}


class TransformersEngine:
    """One model, of whatever task it is; its actions are those of what is loaded."""

    def __init__(self) -> None:
        self._loaded: Any = None

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load the folder that the file is in."""
        model_class = _BY_TASK.get(request.task)
        if model_class is None:
            raise EngineError("unsupported_task", f"This engine does not do {request.task or 'what it is for'}.")
        use_threads(request.threads)
        path = as_safetensors(request.path, request.cache_dir) if request.format == "pytorch" else request.path
        size = sum(file.stat().st_size for file in path.parent.glob("*.safetensors"))
        with ResidentProgress(size, progress):
            self._loaded = model_class(path.parent, request)
        info: ModelInfo = self._loaded.info()
        return info

    def close(self) -> None:
        """Free what is loaded."""
        if self._loaded is not None:
            self._loaded.close()

    def __getattr__(self, action: str) -> Any:
        return getattr(self._loaded, action)
