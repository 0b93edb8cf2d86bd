"""The engine behind ``onnxruntime``: a class for each task, on the best execution provider that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.load_progress import ResidentProgress
from backends.onnxruntime.classification import Classification
from backends.onnxruntime.embeddings import SentenceEmbeddings
from backends.onnxruntime.text_generation import TextGeneration

_BY_TASK: dict[tuple[str, str | None], Callable[[Path, LoadRequest], Any]] = {
    ("onnx-genai", "text-generation"): TextGeneration,
    ("onnx", "feature-extraction"): SentenceEmbeddings,
    ("onnx", "sentence-similarity"): SentenceEmbeddings,
    ("onnx", "text-ranking"): Classification,
    ("onnx", "text-classification"): Classification,
}


class OnnxRuntimeEngine:
    """One model, of whatever task it is; its actions are those of what is loaded."""

    def __init__(self) -> None:
        self._loaded: Any = None

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load the graph, or the folder that it is in."""
        model_class = _BY_TASK.get((request.format, request.task))
        if model_class is None:
            what = f"a graph for {request.task}" if request.task else "a graph that does not tell what it is for"
            advice = " Language models need the layout of onnxruntime-genai (genai_config.json)."
            raise EngineError("unsupported_task", f"This engine does not run {what}.{advice}")
        size = sum(file.stat().st_size for file in request.path.parent.glob("*.onnx*"))
        with ResidentProgress(size, progress):
            self._loaded = model_class(request.path, request)
        info: ModelInfo = self._loaded.info()
        return info

    def close(self) -> None:
        """Free what is loaded."""
        if self._loaded is not None:
            self._loaded.close()

    def __getattr__(self, action: str) -> Any:
        return getattr(self._loaded, action)
