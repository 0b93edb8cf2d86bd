"""Several texts as one batch of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from backends.contract import EngineError

Batch = dict[str, NDArray[Any]]
"""``input_ids``, ``attention_mask``, ``token_type_ids``: int64, shape [texts, tokens]."""


def padded(encodings: Sequence[Encoding], longest: int, pad_token: int) -> Batch:
    """The texts side by side, the shorter ones filled up.

    Raises:
        EngineError: ``context_overflow`` for a text of more than ``longest`` tokens: cut, it would be compared as if it
            were whole.
    """
    for index, encoding in enumerate(encodings):
        if len(encoding) > longest:
            raise EngineError(
                "context_overflow",
                f"Text {index} has {len(encoding)} tokens and the model takes {longest}. Split it.",
                prompt_tokens=len(encoding),
                context_length=longest,
                index=index,
            )
    width = max(map(len, encodings))

    def rows(name: str, fill: int) -> NDArray[Any]:
        numbers = [[*getattr(encoding, name), *[fill] * (width - len(encoding))] for encoding in encodings]
        return np.array(numbers, dtype=np.int64)

    return {
        "input_ids": rows("ids", pad_token),
        "attention_mask": rows("attention_mask", 0),
        "token_type_ids": rows("type_ids", 0),
    }
