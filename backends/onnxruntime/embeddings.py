"""Sentence embeddings of an ONNX graph: its pooled output where it has one, else the pooled vectors of the tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from backends.contract import LoadRequest, ModelInfo
from backends.onnxruntime.graph import Graph
from backends.text.batch import Batch
from backends.text.embedding_model import EmbeddingModel
from backends.text.tokenizer import FolderTokenizer

_POOLED = ("sentence_embedding", "sentence_embeddings", "embeddings")
_OF_TOKENS = ("last_hidden_state", "token_embeddings")


class SentenceEmbeddings(EmbeddingModel):
    """One embedding model."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        self._graph = Graph(path, request)
        self._tokenizer = FolderTokenizer([path.parent, path.parent.parent])
        outputs = self._graph.outputs
        self._output = next((name for name in (*_POOLED, *_OF_TOKENS) if name in outputs), outputs[0])
        super().__init__(self._tokenizer, self._vectors)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._graph.info(
            self._tokenizer,
            context_length=self.longest,
            width=self._graph.width(self._output),
            actions=("embed", "tokenize"),
        )

    def _vectors(self, batch: Batch) -> NDArray[Any]:
        return self._graph.run(batch)[self._output]
