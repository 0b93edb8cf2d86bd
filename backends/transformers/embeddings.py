"""Sentence embeddings, pooled as the model's ``1_Pooling/config.json`` says and of length 1.

Layout: <https://www.sbert.net/docs/sentence_transformer/usage/custom_models.html>.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from backends.contract import Embeddings, LoadRequest, ModelInfo
from backends.text.batch import refuse_long
from backends.transformers.weights import describe, from_pretrained


class SentenceEmbeddings:
    """One embedding model."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModel, folder, request)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._pooling = pooling(folder)
        self._longest = longest_input(folder, self._model.config)

    def info(self) -> ModelInfo:
        """What is loaded."""
        details = {"pooling": self._pooling}
        return describe(self._model, context_length=self._longest, actions=("embed", "tokenize"), details=details)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text."""
        batch = self._tokenizer(list(texts), padding=True, return_tensors="pt").to(self._model.device)
        lengths = batch["attention_mask"].sum(dim=1)
        refuse_long(lengths.tolist(), self._longest)
        with torch.inference_mode():
            hidden = self._model(**batch).last_hidden_state.float()
            pooled = pool(hidden, batch["attention_mask"], self._pooling)
            vectors = torch.nn.functional.normalize(pooled, dim=1)
        return Embeddings(vectors.tolist(), int(lengths.sum()))

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        return list(
            self._tokenizer(text, add_special_tokens=add_special, split_special_tokens=not special)["input_ids"]
        )

    def close(self) -> None:
        """Nothing is held outside this process."""


def pooling(folder: Path) -> str:
    """``cls``, ``mean``, ``max`` or ``lasttoken``; the mean where nothing tells."""
    config = _read(folder / "1_Pooling" / "config.json")
    if mode := config.get("pooling_mode"):
        return str(mode)
    names = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_lasttoken": "lasttoken"}
    return next((name for key, name in names.items() if config.get(key)), "mean")


def longest_input(folder: Path, config: Any) -> int:
    """Tokens of the longest text it was made for."""
    told = _read(folder / "sentence_bert_config.json").get("max_seq_length")
    return told if isinstance(told, int) else int(getattr(config, "max_position_embeddings", 512))


def pool(hidden: torch.Tensor, mask: torch.Tensor, mode: str) -> torch.Tensor:
    """A vector for each text (shape [texts, width]) of those of its tokens (shape [texts, tokens, width])."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    match mode:
        case "cls":
            return hidden[:, 0]
        case "max":
            return hidden.masked_fill(weights == 0, float("-inf")).amax(dim=1)
        case "lasttoken":
            last = mask.shape[1] - 1 - mask.flip(1).argmax(dim=1)
            return hidden[torch.arange(hidden.shape[0]), last]
        case _:
            return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = json.loads(path.read_bytes())
        if isinstance(content, dict):
            return content
    return {}
