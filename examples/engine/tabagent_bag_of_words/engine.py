"""The engine, which a worker imports: a class with ``load``, ``close`` and the methods of its actions."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence

from tabagent_model import read_gguf

from backends.contract import Embeddings, EngineError, LoadProgress, LoadRequest, ModelInfo

LENGTH = 256
LONGEST = 100_000
"""Words that a text may have."""
_WORD = re.compile(r"\w+")


class BagOfWords:
    """Counts the words of a text in ``LENGTH`` buckets. Texts with the same words have the same vector."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Read the header of the file, which only names the model."""
        header = read_gguf(request.path)
        progress(1.0)
        return ModelInfo(
            architecture=header.architecture,
            context_length=LONGEST,
            context_train_length=LONGEST,
            vocab_size=0,
            embedding_length=LENGTH,
            size_bytes=request.path.stat().st_size,
            chat_template=False,
            actions=("embed",),
        )

    def close(self) -> None:
        """Nothing is kept."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return a vector of length 1 for each text.

        Raises:
            EngineError: ``context_overflow``: a text has too many words.
        """
        words = [_WORD.findall(text.lower()) for text in texts]
        longest = max(map(len, words), default=0)
        if longest > LONGEST:
            message = f"A text has {longest} words; at most {LONGEST} fit."
            raise EngineError("context_overflow", message, prompt_tokens=longest, context_length=LONGEST)
        return Embeddings([_vector(text) for text in words], sum(map(len, words)))


def _vector(words: Sequence[str]) -> list[float]:
    counts = [0.0] * LENGTH
    for word in words or [""]:
        counts[zlib.crc32(word.encode()) % LENGTH] += 1
    length = math.hypot(*counts)
    return [count / length for count in counts]
