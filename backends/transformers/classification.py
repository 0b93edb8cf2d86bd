"""Classifiers and rerankers of Transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from backends.contract import LoadRequest, ModelInfo
from backends.text.batch import Batch
from backends.text.classifier import Classifier
from backends.transformers.tokenizer import folder_tokenizer
from backends.transformers.weights import describe, evaluate, from_pretrained


class Classification(Classifier):
    """One classifier."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForSequenceClassification, folder, request)
        super().__init__(folder_tokenizer(folder), self._logits)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return describe(self._model, context_length=self.longest, actions=self.actions)

    def _logits(self, batch: Batch) -> NDArray[Any]:
        return evaluate(self._model, batch, "logits")
