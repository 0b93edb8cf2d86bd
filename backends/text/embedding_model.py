"""Sentence embeddings: pooled as the folder's ``1_Pooling/config.json`` says, and of length 1.

Layout: <https://www.sbert.net/docs/sentence_transformer/usage/custom_models.html>.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import Embeddings
from backends.text.batch import Batch, padded
from backends.text.tokenizer import FolderTokenizer

Evaluate = Callable[[Batch], NDArray[Any]]
"""A vector for each token (shape [texts, tokens, width]), or for each text (shape [texts, width])."""
DEFAULT_LONGEST = 512
_OLD_NAMES = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_lasttoken": "lasttoken"}


class EmbeddingModel:
    """Serves ``embed`` and ``tokenize``."""

    def __init__(self, tokenizer: FolderTokenizer, evaluate: Evaluate) -> None:
        self._tokenizer = tokenizer
        self._evaluate = evaluate
        self.pooling = _pooling(tokenizer)
        self.longest = longest_input(tokenizer)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text."""
        batch = padded(self._tokenizer.encodings(texts, longest=self.longest), self.longest, self._tokenizer.pad_token)
        hidden = self._evaluate(batch).astype(np.float32)
        pooled = hidden if hidden.ndim == 2 else pool(hidden, batch["attention_mask"], self.pooling)
        vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return Embeddings(vectors.tolist(), int(batch["attention_mask"].sum()))

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        return self._tokenizer.encode(text, special=special, add_special=add_special)

    def close(self) -> None:
        """End the tokenizer's template, should it have one."""
        self._tokenizer.close()


def longest_input(tokenizer: FolderTokenizer) -> int:
    """Tokens of the longest text that the model was made for."""
    told = tokenizer.read_json("sentence_bert_config.json").get("max_seq_length")
    told = told or tokenizer.read_json("config.json").get("max_position_embeddings")
    return told if isinstance(told, int) else DEFAULT_LONGEST


def pool(hidden: NDArray[Any], mask: NDArray[Any], mode: str) -> NDArray[Any]:
    """A vector for each text (shape [texts, width]) of those of its tokens (shape [texts, tokens, width])."""
    weights = mask[..., np.newaxis].astype(np.float32)
    match mode:
        case "cls":
            pooled: NDArray[Any] = hidden[:, 0]
        case "max":
            pooled = np.where(weights > 0, hidden, -np.inf).max(axis=1)
        case "lasttoken":
            pooled = hidden[np.arange(len(hidden)), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]
        case _:
            pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1).clip(min=1)
    return pooled


def _pooling(tokenizer: FolderTokenizer) -> str:
    """``cls``, ``max``, ``lasttoken`` or ``mean``; the mean where nothing tells."""
    config = tokenizer.read_json("1_Pooling/config.json")
    if mode := config.get("pooling_mode"):
        return str(mode)
    return next((name for key, name in _OLD_NAMES.items() if config.get(key)), "mean")
