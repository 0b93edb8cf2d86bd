"""How likely the model found what it wrote, and what it might have written instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import TokenLogprob


class Logprobs:
    """``count`` alternatives for each token; None: nobody asked. ``token_bytes``: what a token stands for."""

    def __init__(self, token_bytes: Callable[[int], bytes], count: int | None) -> None:
        self._token_bytes = token_bytes
        self._count = count

    def of(self, token: int, logits: NDArray[Any]) -> tuple[TokenLogprob, ...]:
        """The token's, by the model's own logits (shape [vocabulary]); empty where nobody asked."""
        if self._count is None:
            return ()
        scores = logits.astype(np.float64)
        highest = scores.max()
        logs = scores - highest - np.log(np.exp(scores - highest).sum())
        count = min(self._count, len(logs))
        best = np.argpartition(-logs, count - 1)[:count] if count else np.empty(0, np.intp)
        top = tuple(self._one(int(other), logs) for other in best[np.argsort(-logs[best], kind="stable")])
        return (self._one(token, logs, top),)

    def _one(self, token: int, logs: NDArray[np.float64], top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        data = self._token_bytes(token)
        return TokenLogprob(data.decode(errors="replace"), data, float(logs[token]), top)
