"""The engine behind ``transformers``: a class of Transformers for each task of the hub."""

from __future__ import annotations

from transformers.utils import logging

from backends.by_task import EngineByTask, Loader
from backends.contract import EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.pickled_weights import as_safetensors
from backends.transformers.classification import Classification
from backends.transformers.embeddings import SentenceEmbeddings
from backends.transformers.images import ImageClassification
from backends.transformers.images_and_text import ImageTextToText
from backends.transformers.placement import use_threads
from backends.transformers.speech import SpeechRecognition
from backends.transformers.text_generation import TextGeneration

logging.set_verbosity_error()
logging.disable_progress_bar()

_BY_TASK: dict[str | None, Loader] = {
    "text-generation": TextGeneration,
    "feature-extraction": SentenceEmbeddings,
    "sentence-similarity": SentenceEmbeddings,
    "text-ranking": Classification,
    "text-classification": Classification,
    "image-classification": ImageClassification,
    "image-text-to-text": ImageTextToText,
    "automatic-speech-recognition": SpeechRecognition,
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
