"""Sequence classifiers: labels for a text, or with a single label how well a document answers a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from backends.contract import Action, EngineError, LoadRequest, ModelInfo, Ranking
from backends.labels import best
from backends.text.batch import refuse_long
from backends.transformers.weights import describe, from_pretrained


class Classification:
    """One classifier."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForSequenceClassification, folder, request)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._longest = int(getattr(self._model.config, "max_position_embeddings", 512))

    def info(self) -> ModelInfo:
        """What is loaded. A single label is no class: the model was made for pairs."""
        actions: tuple[Action, ...] = ("rerank",) if self._model.config.num_labels == 1 else ("infer",)
        return describe(self._model, context_length=self._longest, actions=actions)

    def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """How well each document answers the query."""
        logits, tokens = self._logits([query] * len(documents), list(documents))
        return Ranking(torch.sigmoid(logits[:, 0]).tolist(), tokens)

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Labels, the best first."""
        if "text" not in inputs:
            raise EngineError("bad_param", "inputs.text is missing: this model classifies text.", path="inputs.text")
        logits, _ = self._logits([inputs["text"]])
        is_multiple = self._model.config.problem_type == "multi_label_classification"
        scores = torch.sigmoid(logits[0]) if is_multiple else torch.softmax(logits[0], dim=-1)
        return best(scores.tolist(), self._model.config.id2label, parameters)

    def close(self) -> None:
        """Nothing is held outside this process."""

    def _logits(self, *texts: list[str]) -> tuple[torch.Tensor, int]:
        batch = self._tokenizer(*texts, padding=True, return_tensors="pt").to(self._model.device)
        lengths = batch["attention_mask"].sum(dim=1)
        refuse_long(lengths.tolist(), self._longest)
        with torch.inference_mode():
            return self._model(**batch).logits.float(), int(lengths.sum())
