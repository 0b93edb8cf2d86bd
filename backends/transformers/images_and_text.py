"""Models of Transformers that see pictures and write.

The model's own processor is asked for pixels, and for the tokens that a picture takes; text is tokenised here, where
nothing in it can become a control token. A template gives each picture a placeholder, which those tokens replace.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from backends.contract import TEXT_ACTIONS, Conversation, EngineError, LoadRequest, ModelInfo, Sampling, TextStream
from backends.conversation.pictures import pictures
from backends.text.language_model import LanguageModel
from backends.text.limits import LARGEST_DEFAULT_CONTEXT
from backends.transformers.text_generation import CachedSequence
from backends.transformers.tokenizer import folder_tokenizer
from backends.transformers.weights import describe, from_pretrained, processor

_TEXT_OUTPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"})


@dataclass(frozen=True, slots=True)
class Views:
    """Pictures as a model takes them: the tokens of each, and the tensors of all."""

    runs: list[list[int]]
    tensors: Mapping[str, torch.Tensor]


class ImageTextToText(LanguageModel):
    """One model. Its conversations may have pictures."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForImageTextToText, folder, request)
        self._processor = processor(AutoProcessor, folder)
        config = self._model.config
        self._trained = int(getattr(config.get_text_config(), "max_position_embeddings", 0) or LARGEST_DEFAULT_CONTEXT)
        self._placeholder = _placeholder(self._processor, config)
        own = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
        self._image_token = int(own or self._token(self._placeholder))
        context_length = request.context_length or min(self._trained, LARGEST_DEFAULT_CONTEXT)
        tokenizer = folder_tokenizer(folder, pictures=True)
        self._has_template = tokenizer.chat_template.exists
        # Models with positions in three dimensions keep those of the sequence at hand in themselves.
        parallel = 1 if _keeps_positions(self._model) else request.parallel
        super().__init__(tokenizer, lambda *_: SeenSequence(self._model), context_length, parallel)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return describe(
            self._model,
            context_length=self.context_length,
            context_train_length=self._trained,
            chat_template=self._has_template,
            actions=TEXT_ACTIONS,
            details={"input": "text, image"},
        )

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        seen = pictures(conversation.messages)
        if not seen:
            return super().chat(conversation, sampling, coalesce_ms)
        prepared, tokens = self._prepared(conversation, sampling)
        views = self._look(seen)
        prompt, head = _expanded(tokens, self._token(self._placeholder), views.runs)

        def begin(*_: object) -> SeenSequence:
            return SeenSequence(self._model, views.tensors, head, self._image_token)

        return prepared.answer(
            self._stream(prompt, prepared.sampling, coalesce_ms, begin, self._tokenizer.chat_template.marks)
        )

    def _token(self, name: str) -> int:
        return int(self._processor.tokenizer.convert_tokens_to_ids(name))

    def _look(self, seen: Sequence[NDArray[Any]]) -> Views:
        """What the processor makes of the pictures."""
        tokenizer, name = self._processor.tokenizer, self._placeholder
        between = next(token for token in (tokenizer.eos_token, *tokenizer.all_special_tokens) if token != name)
        try:
            batch = self._processor(
                text=(name + between) * len(seen),
                images=[Image.fromarray(it) for it in seen],
                return_tensors="pt",
                add_special_tokens=False,
            )
        except ValueError as error:  # such as a picture that is too narrow
            raise EngineError("bad_param", f"The model takes no such picture: {error}.", path="messages") from error
        runs = list(_split(batch["input_ids"][0].tolist(), self._token(between)))
        others = {key: it for key, it in batch.items() if key not in _TEXT_OUTPUTS and isinstance(it, torch.Tensor)}
        tensors = {key: it.to(self._model.device) for key, it in others.items()}
        floats = {key: it.to(self._model.dtype) for key, it in tensors.items() if it.is_floating_point()}
        return Views(runs, tensors | floats)


class SeenSequence(CachedSequence):
    """A sequence whose first ``head`` tokens hold all its pictures: those are evaluated at once."""

    def __init__(
        self, model: Any, tensors: Mapping[str, torch.Tensor] | None = None, head: int = 0, image_token: int = -1
    ) -> None:
        super().__init__(model)
        self._tensors = tensors
        self._head = head
        self._image_token = image_token
        self._waiting: list[int] = []
        if _keeps_positions(model):
            model.model.rope_deltas = None

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows; of no meaning before the head is there."""
        if self._tensors is None:
            return super().evaluate(tokens)
        self._waiting += tokens
        if len(self._waiting) < self._head:
            return np.empty(0, np.float32)
        ids = torch.tensor([self._waiting], device=self._model.device)
        taken = inspect.signature(self._model.forward).parameters
        kinds = {name: (ids == self._image_token).int() for name in ("token_type_ids", "mm_token_type_ids")}
        given = {name: value for name, value in {**kinds, **self._tensors}.items() if name in taken}
        self._tensors = None
        return self.forward(ids, **given)


def _placeholder(whole_processor: Any, config: Any) -> str:
    """The token that a template gives for a picture.

    Raises:
        EngineError: ``unsupported_architecture`` for models that are shown pictures in another way.
    """
    for field in ("boi_token", "image_token"):
        if name := getattr(whole_processor, field, None):
            return str(name)
    message = f"This engine does not know where a model of the kind {config.model_type} wants its pictures."
    raise EngineError("unsupported_architecture", message, architecture=config.model_type)


def _expanded(prompt: Sequence[int], placeholder: int, runs: Sequence[Sequence[int]]) -> tuple[list[int], int]:
    """The prompt with a run of tokens for each placeholder, and where the last of them ends.

    Raises:
        EngineError: ``template_error`` where the template does not give each picture its placeholder.
    """
    if prompt.count(placeholder) != len(runs):
        message = f"The model's chat template places {prompt.count(placeholder)} of {len(runs)} pictures."
        raise EngineError("template_error", message)
    tokens: list[int] = []
    head = 0
    left = iter(runs)
    for token in prompt:
        if token == placeholder:
            tokens += next(left)
            head = len(tokens)
        else:
            tokens.append(token)
    return tokens, head


def _split(tokens: Sequence[int], between: int) -> Iterator[list[int]]:
    """The runs that each end with that token."""
    begin = 0
    for at, token in enumerate(tokens):
        if token == between:
            yield list(tokens[begin:at])
            begin = at + 1


def _keeps_positions(model: Any) -> bool:
    return hasattr(getattr(model, "model", None), "rope_deltas")
