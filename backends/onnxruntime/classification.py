"""Classifiers and rerankers that are ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from backends.contract import LoadRequest, ModelInfo
from backends.onnxruntime.graph import Graph
from backends.text.batch import Batch
from backends.text.classifier import Classifier
from backends.text.tokenizer import FolderTokenizer


class Classification(Classifier):
    """One classifier."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        self._graph = Graph(path, request)
        self._tokenizer = FolderTokenizer([path.parent, path.parent.parent])
        super().__init__(self._tokenizer, self._logits)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._graph.info(self._tokenizer, context_length=self.longest, width=0, actions=self.actions)

    def _logits(self, batch: Batch) -> NDArray[Any]:
        return self._graph.run(batch)["logits"]
