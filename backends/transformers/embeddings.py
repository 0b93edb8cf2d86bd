"""Sentence embeddings with the encoders of Transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from transformers import AutoModel

from backends.contract import LoadRequest, ModelInfo
from backends.text.batch import Batch
from backends.text.embedding_model import EmbeddingModel
from backends.transformers.tokenizer import folder_tokenizer
from backends.transformers.weights import describe, evaluate, from_pretrained


class SentenceEmbeddings(EmbeddingModel):
    """One embedding model."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModel, folder, request)
        super().__init__(folder_tokenizer(folder), self._hidden)

    def info(self) -> ModelInfo:
        """What is loaded."""
        details = {"pooling": self.pooling}
        return describe(self._model, context_length=self.longest, actions=("embed", "tokenize"), details=details)

    def _hidden(self, batch: Batch) -> NDArray[Any]:
        return evaluate(self._model, batch, "last_hidden_state")
