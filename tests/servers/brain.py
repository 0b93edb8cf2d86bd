"""Models behind fake servers: a script that costs nothing, or a tiny Llama in this process."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import tabagent_model

from backends.contract import Completion, Conversation, Delta, EngineError, LoadRequest, Sampling, TextStream
from backends.llama_cpp.engine import LlamaCppEngine
from tabagent_weights import tiny_llama as weights

WORDS_TO_EMBED = 512


class Script:
    """Counts: ``1 2 3 …``, a word a token."""

    def __init__(self, interval_s: float = 0.0) -> None:
        self.interval_s = interval_s

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        return Counting(len(prompt.split()), sampling, self.interval_s)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        words = sum(len(message["content"].split()) for message in conversation.messages)
        return Counting(words, sampling, self.interval_s)

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        return [zlib.crc32(word.encode()) % 1000 for word in text.split()]


class Counting:
    """A stream as the contract has it."""

    def __init__(self, prompt_tokens: int, sampling: Sampling, interval_s: float) -> None:
        self._prompt_tokens = prompt_tokens
        self._count = min(sampling.max_tokens, 1000)
        self._interval_s = interval_s

    def __iter__(self) -> Iterator[Delta]:
        for number in range(self._count):
            time.sleep(self._interval_s)
            yield Delta(f"{number + 1} ")

    def cancel(self) -> None:
        """It is pulled by who reads it."""

    @property
    def progress(self) -> None:
        return None

    @property
    def completion(self) -> Completion:
        return Completion("", "length", self._prompt_tokens, self._count, 0, 0, 0, 0, 0)


def tiny_llama(context_length: int) -> object:
    """Return a tiny Llama of random numbers, loaded by the engine ``llama_cpp``."""
    engine = LlamaCppEngine()
    request = LoadRequest(
        path=weights.gguf("Q8_0"),
        cache_dir=Path("/nonexistent"),
        context_length=context_length,
        cpu_variant=tabagent_model.get_cpu_variant().variant,
    )
    engine.load(request, lambda _: None)
    return engine


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Vectors by the words in a text, not of length 1: the same words, the same direction."""
    vectors = []
    for text in texts:
        words = text.lower().split()
        if len(words) > WORDS_TO_EMBED:
            raise EngineError("context_overflow", "the input length exceeds the context length")
        vector = [0.0] * 256
        vector[0] = 0.1
        for word in words:
            vector[zlib.crc32(word.encode()) % 256] += 1.0
        vectors.append(vector)
    return vectors
