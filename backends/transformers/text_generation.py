"""Language models of Transformers; each request has a KV cache of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, DynamicCache

from backends.contract import TEXT_ACTIONS, LoadRequest, ModelInfo
from backends.text.language_model import LanguageModel
from backends.text.limits import LARGEST_DEFAULT_CONTEXT
from backends.transformers.tokenizer import folder_tokenizer
from backends.transformers.weights import describe, from_pretrained


class TextGeneration(LanguageModel):
    """One language model."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForCausalLM, folder, request)
        config = self._model.config.get_text_config()
        self._trained = int(getattr(config, "max_position_embeddings", 0) or LARGEST_DEFAULT_CONTEXT)
        context_length = request.context_length or min(self._trained, LARGEST_DEFAULT_CONTEXT)
        tokenizer = folder_tokenizer(folder)
        self._has_template = tokenizer.chat_template.exists
        super().__init__(tokenizer, lambda *_: CachedSequence(self._model), context_length, request.parallel)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return describe(
            self._model,
            context_length=self.context_length,
            context_train_length=self._trained,
            chat_template=self._has_template,
            actions=TEXT_ACTIONS,
        )


class CachedSequence:
    """A sequence that is being evaluated."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache = DynamicCache(config=model.config)

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows."""
        return self.forward(torch.tensor([list(tokens)], device=self._model.device))

    def forward(self, ids: torch.Tensor, **more: torch.Tensor) -> NDArray[Any]:
        """The same of tokens (shape [1, tokens]) and what else belongs to them."""
        with torch.inference_mode():
            out = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1, **more)
            logits: NDArray[Any] = out.logits[0, -1].float().cpu().numpy()
        return logits
