"""The engine behind ``onnxruntime``: a class for each task, on the best execution provider that this machine has."""

from __future__ import annotations

from backends.by_task import EngineByTask, Loader
from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.onnxruntime.classification import Classification
from backends.onnxruntime.embeddings import SentenceEmbeddings
from backends.onnxruntime.speech import SpeechRecognition
from backends.onnxruntime.text_generation import TextGeneration

_BY_TASK: dict[tuple[str, str | None], Loader] = {
    ("onnx-genai", "text-generation"): TextGeneration,
    ("onnx", "feature-extraction"): SentenceEmbeddings,
    ("onnx", "sentence-similarity"): SentenceEmbeddings,
    ("onnx", "text-ranking"): Classification,
    ("onnx", "text-classification"): Classification,
    ("onnx", "automatic-speech-recognition"): SpeechRecognition,
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
