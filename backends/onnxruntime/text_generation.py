"""Language models of onnxruntime-genai; each request has a generator, and thus a KV cache, of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as genai
from numpy.typing import NDArray

from backends.contract import TEXT_ACTIONS, EngineError, LoadRequest, ModelInfo
from backends.onnxruntime.providers import Provider, candidates
from backends.text.language_model import LanguageModel
from backends.text.limits import LARGEST_DEFAULT_CONTEXT
from backends.text.tokenizer import FolderTokenizer

log = logging.getLogger(__name__)


class TextGeneration(LanguageModel):
    """One language model."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        folder = path.parent
        self._config = json.loads((folder / "genai_config.json").read_bytes())["model"]
        self._trained = int(self._config["context_length"])
        context_length = request.context_length or min(self._trained, LARGEST_DEFAULT_CONTEXT)
        self._model, self._provider = _open(folder, request)
        self._size = sum(file.stat().st_size for file in folder.glob("*.onnx*"))
        ends = self._config.get("eos_token_id", [])
        tokenizer = FolderTokenizer([folder], end_tokens=ends if isinstance(ends, list) else [ends])
        self._has_template = tokenizer.chat_template.exists
        super().__init__(
            tokenizer, lambda most, _: GeneratedSequence(self._model, most), context_length, request.parallel
        )

    def info(self) -> ModelInfo:
        """What is loaded."""
        decoder = self._config["decoder"]
        return ModelInfo(
            architecture=self._config["type"],
            context_length=self.context_length,
            context_train_length=self._trained,
            vocab_size=self._config["vocab_size"],
            embedding_length=decoder["hidden_size"],
            size_bytes=self._size,
            chat_template=self._has_template,
            actions=TEXT_ACTIONS,
            details={"provider": self._provider},
        )


class GeneratedSequence:
    """A sequence that is being evaluated."""

    def __init__(self, model: Any, most: int) -> None:
        parameters = genai.GeneratorParams(model)
        parameters.set_search_options(max_length=most)
        self._generator = genai.Generator(model, parameters)

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows."""
        self._generator.append_tokens(np.array([tokens], dtype=np.int32))
        logits: NDArray[Any] = self._generator.get_logits()
        last: NDArray[Any] = logits.reshape(-1, logits.shape[-1])[-1]
        return last


def _open(folder: Path, request: LoadRequest) -> tuple[Any, str]:
    reason = ""
    for provider in candidates(request):
        if not provider.genai and provider.device != "cpu":
            continue
        try:
            return genai.Model(_configured(folder, provider, request.threads)), provider.name
        except Exception as error:  # noqa: BLE001  # its own exceptions share no base class
            reason = str(error).strip().split("\n")[0][:500]
            log.warning("%s does not take %s: %s", provider.name, folder, reason)
    raise EngineError("load_failed", f"onnxruntime-genai cannot load it: {reason}", path=str(folder))


def _configured(folder: Path, provider: Provider, threads: int) -> Any:
    config = genai.Config(str(folder))
    if threads:
        config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
    config.clear_providers()
    if provider.genai:
        config.append_provider(provider.genai)
        for name, value in provider.options.items():
            config.set_provider_option(provider.genai, name, value)
    return config
