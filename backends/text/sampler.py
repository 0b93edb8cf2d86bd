"""The next token of an answer, drawn in llama.cpp's order: repeat penalty, top-k, top-p, min-p, temperature."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import EngineError, Sampling

PENALTY_WINDOW = 64
"""Tokens that a repetition is looked for in; llama.cpp's default."""
COLDEST = 1e-6
"""Below, the likeliest token is as good as certain, and logits divided by it no numbers."""

Scores = NDArray[np.float32]


class Sampler:
    """One answer's. The same seed draws the same tokens from the same logits."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(secrets.randbits(64) if sampling.seed is None else sampling.seed)

    def draw(self, tokens: list[int], logits: NDArray[Any]) -> int:
        """The token after ``tokens``, by its ``logits`` (shape [vocabulary]).

        Raises:
            EngineError: ``generation_failed`` for logits that are no numbers.
        """
        scores = logits.astype(np.float32)
        if not scores.max() < np.inf:  # NaN where one of them is
            raise EngineError("generation_failed", "The model computed a value that is no number.")
        if self._sampling.repeat_penalty != 1:
            _penalise(scores, tokens[-PENALTY_WINDOW:], self._sampling.repeat_penalty)
        if self._sampling.temperature == 0:
            return int(scores.argmax())
        best = self._candidates(scores)
        probabilities = softmax(scores[best] / max(self._sampling.temperature, COLDEST))
        return int(self._random.choice(best, p=probabilities.astype(np.float64) / probabilities.sum(dtype=np.float64)))

    def _candidates(self, scores: Scores) -> NDArray[np.intp]:
        """The tokens to choose from, the likeliest first."""
        sampling = self._sampling
        count = min(sampling.top_k or len(scores), len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        best = best[np.argsort(-scores[best], kind="stable")]
        probabilities = softmax(scores[best])
        if sampling.top_p < 1:
            enough = int(np.searchsorted(np.cumsum(probabilities), sampling.top_p)) + 1
            best, probabilities = best[:enough], probabilities[:enough]
        if sampling.min_p > 0:
            best = best[probabilities >= probabilities[0] * sampling.min_p]
        return best


def softmax(scores: Scores) -> Scores:
    """Probabilities; the largest score is taken off first, so that none overflows."""
    powers = np.exp(scores - scores.max())
    probabilities: Scores = powers / powers.sum()
    return probabilities


def _penalise(scores: Scores, recent: list[int], penalty: float) -> None:
    seen = np.unique(np.asarray(recent, dtype=np.intp))
    seen = seen[seen < len(scores)]
    scores[seen] = np.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
