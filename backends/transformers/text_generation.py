"""Language models: the prompt is evaluated in chunks, then token after token; each request has its own KV cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from backends.contract import TEXT_ACTIONS, EngineError, LoadRequest, ModelInfo, Sampling, TextStream
from backends.text.control import Control, Slots
from backends.text.stream import Generation, Piece, Pieces
from backends.text.tokenizer import FolderTokenizer
from backends.transformers.sampler import Sampler
from backends.transformers.weights import describe, from_pretrained

CHUNK = 256
"""Tokens evaluated between two looks at whether the request was cancelled."""
LARGEST_DEFAULT_CONTEXT = 8192


class TextGeneration:
    """One language model."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForCausalLM, folder, request)
        self._tokenizer = _tokenizer(folder)
        self._slots = Slots(request.parallel)
        self._end_tokens = self._tokenizer.end_tokens
        text_config = self._model.config.get_text_config()
        self._trained = int(getattr(text_config, "max_position_embeddings", 0) or 0)
        self._context_length = request.context_length or min(
            self._trained or LARGEST_DEFAULT_CONTEXT, LARGEST_DEFAULT_CONTEXT
        )

    def info(self) -> ModelInfo:
        """What is loaded."""
        return describe(
            self._model,
            context_length=self._context_length,
            context_train_length=self._trained,
            chat_template=self._tokenizer.has_chat_template,
            actions=TEXT_ACTIONS,
        )

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text."""
        return self._stream(self._tokenizer.encode(prompt, add_special=True), sampling, coalesce_ms)

    def chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        return self._stream(self._tokenizer.conversation(messages), sampling, coalesce_ms)

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        return self._tokenizer.encode(text, special=special, add_special=add_special)

    def close(self) -> None:
        """End the template's process."""
        self._tokenizer.close()

    def _stream(self, prompt: list[int], sampling: Sampling, coalesce_ms: float) -> TextStream:
        prompt = prompt or [self._model.config.get_text_config().bos_token_id or 0]
        if len(prompt) >= self._context_length:
            raise EngineError(
                "context_overflow",
                f"The prompt has {len(prompt)} tokens and the context holds {self._context_length}. "
                "Shorten it or load the model with a longer context.",
                prompt_tokens=len(prompt),
                context_length=self._context_length,
            )
        control = Control(len(prompt))
        return Generation(lambda it: self._tokens(prompt, sampling, it), control, self._slots, sampling, coalesce_ms)

    def _tokens(self, prompt: list[int], sampling: Sampling, control: Control) -> Pieces:
        device = self._model.device
        cache = DynamicCache(config=self._model.config)
        sampler, decoder = Sampler(sampling, device), self._tokenizer.decoder()
        tokens = torch.tensor(prompt, device=device)
        logits = tokens
        for start in range(0, len(prompt), CHUNK):
            logits = self._forward(tokens[start : start + CHUNK], cache)
            control.evaluated(start + CHUNK)
        while True:
            token = sampler.draw(tokens, logits)
            if token in self._end_tokens:
                return
            yield Piece(decoder.push(token))
            if len(tokens) + 1 >= self._context_length:
                control.finish = "length"
                return
            drawn = torch.tensor([token], device=device)
            tokens = torch.cat((tokens, drawn))
            logits = self._forward(drawn, cache)

    def _forward(self, tokens: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """The logits of the last of ``tokens`` (shape [n]) behind what is in the cache: shape [vocabulary]."""
        with torch.inference_mode():
            out: Any = self._model(
                input_ids=tokens.unsqueeze(0), past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            last: torch.Tensor = out.logits[0, -1]
            return last


def _tokenizer(folder: Path) -> FolderTokenizer:
    if (folder / "tokenizer.json").is_file():
        return FolderTokenizer([folder])
    converted = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return FolderTokenizer([folder], converted.backend_tokenizer)
