"""The engine behind ``transformers``: a class of Transformers for each task of the hub."""

from __future__ import annotations

from transformers.utils import logging

from backends.by_task import EngineByTask, Loader, imported_late
from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.pickled_weights import as_safetensors
from backends.transformers.placement import use_threads

logging.set_verbosity_error()
logging.disable_progress_bar()

_CLASSIFICATION = imported_late("backends.transformers.classification", "Classification")
_EMBEDDINGS = imported_late("backends.transformers.embeddings", "SentenceEmbeddings")
_BY_TASK: dict[str | None, Loader] = {
    "text-generation": imported_late("backends.transformers.text_generation", "TextGeneration"),
    "feature-extraction": _EMBEDDINGS,
    "sentence-similarity": _EMBEDDINGS,
    "text-ranking": _CLASSIFICATION,
    "text-classification": _CLASSIFICATION,
    "image-classification": imported_late("backends.transformers.images", "ImageClassification"),
    "image-text-to-text": imported_late("backends.transformers.images_and_text", "ImageTextToText"),
    "automatic-speech-recognition": imported_late("backends.transformers.speech", "SpeechRecognition"),
}


class TransformersEngine(EngineByTask):
    """One model, of whatever task it is; its actions are those of what is loaded."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load the folder that the file is in."""
        model_class = _BY_TASK.get(request.task)
        if model_class is None:
            raise EngineError("unsupported_task", f"This engine does not do {request.task or 'what it is for'}.")
        use_threads(request.threads)
        path = as_safetensors(request.path, request.cache_dir) if request.format == "pytorch" else request.path
        return self._load(model_class, path.parent, path.parent.glob("*.safetensors"), request, progress)
