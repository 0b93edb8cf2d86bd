"""The engine behind ``onnxruntime``: a class for each task, on the best execution provider that this machine has."""

from __future__ import annotations

from backends.by_task import EngineByTask, Loader, imported_late
from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo

_CLASSIFICATION = imported_late("backends.onnxruntime.classification", "Classification")
_EMBEDDINGS = imported_late("backends.onnxruntime.embeddings", "SentenceEmbeddings")
_BY_TASK: dict[tuple[str, str | None], Loader] = {
    ("onnx-genai", "text-generation"): imported_late("backends.onnxruntime.text_generation", "TextGeneration"),
    ("onnx", "feature-extraction"): _EMBEDDINGS,
    ("onnx", "sentence-similarity"): _EMBEDDINGS,
    ("onnx", "text-ranking"): _CLASSIFICATION,
    ("onnx", "text-classification"): _CLASSIFICATION,
    ("onnx", "automatic-speech-recognition"): imported_late("backends.onnxruntime.speech", "SpeechRecognition"),
}


class OnnxRuntimeEngine(EngineByTask):
    """One model, of whatever task it is; its actions are those of what is loaded."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load the graph, or the folder that it is in."""
        model_class = _BY_TASK.get((request.format, request.task))
        if model_class is None:
            what = f"a graph for {request.task}" if request.task else "a graph that does not tell what it is for"
            advice = " Language models need the layout of onnxruntime-genai (genai_config.json)."
            raise EngineError("unsupported_task", f"This engine does not run {what}.{advice}")
        return self._load(model_class, request.path, request.path.parent.glob("*.onnx*"), request, progress)
