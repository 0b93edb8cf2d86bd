"""Sequence classifiers: labels for a text, or with a single label how well a document answers a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import Action, Ranking
from backends.labels import best
from backends.task_inputs import required
from backends.text.batch import Batch, padded
from backends.text.embedding_model import longest_input
from backends.text.sampler import softmax
from backends.text.tokenizer import FolderTokenizer

Evaluate = Callable[[Batch], NDArray[Any]]
"""Logits, shape [texts, labels]."""


class Classifier:
    """Serves ``rerank`` or ``infer``."""

    def __init__(self, tokenizer: FolderTokenizer, evaluate: Evaluate) -> None:
        self._tokenizer = tokenizer
        self._evaluate = evaluate
        self.longest = longest_input(tokenizer)
        config = tokenizer.read_json("config.json")
        self._labels = {int(number): str(label) for number, label in config.get("id2label", {}).items()}
        self._is_multiple = config.get("problem_type") == "multi_label_classification"

    @property
    def actions(self) -> tuple[Action, ...]:
        """A single label is no class: such a model was made for pairs."""
        return ("rerank",) if len(self._labels) == 1 else ("infer",)

    def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """How well each document answers the query."""
        batch = self._batch([query] * len(documents), documents)
        scores = _sigmoid(self._evaluate(batch)[:, 0])
        return Ranking(scores.tolist(), int(batch["attention_mask"].sum()))

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Labels, the best first."""
        logits = self._evaluate(self._batch([required(inputs, "text")]))[0].astype(np.float32)
        return best((_sigmoid if self._is_multiple else softmax)(logits).tolist(), self._labels, parameters)

    def close(self) -> None:
        """End the tokenizer's template, should it have one."""
        self._tokenizer.close()

    def _batch(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Batch:
        encodings = self._tokenizer.encodings(texts, pairs, longest=self.longest)
        return padded(encodings, self.longest, self._tokenizer.pad_token)


def _sigmoid(logits: NDArray[Any]) -> NDArray[np.float32]:
    scores = 1 / (1 + np.exp(-logits.astype(np.float32)))
    return scores.astype(np.float32)
