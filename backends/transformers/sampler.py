"""The next token of an answer, drawn as llama.cpp draws it: penalty, top-k, top-p, min-p, temperature."""

from __future__ import annotations

import secrets
from typing import Any

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from backends.contract import Sampling

PENALTY_WINDOW = 64
"""Tokens that a repetition is looked for in; llama.cpp's."""


class Sampler:
    """One answer's; seeded, so that the same seed draws the same tokens."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._greedy = sampling.temperature == 0
        self._penalty = LogitsProcessorList()
        if sampling.repeat_penalty != 1:
            self._penalty.append(RepetitionPenaltyLogitsProcessor(sampling.repeat_penalty))
        self._warpers = LogitsProcessorList()
        if not self._greedy:
            if sampling.top_k:
                self._warpers.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1:
                self._warpers.append(TopPLogitsWarper(sampling.top_p))
            if sampling.min_p > 0:
                self._warpers.append(MinPLogitsWarper(sampling.min_p))
            self._warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
        seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
        self._generator = torch.Generator(device).manual_seed(seed)

    def draw(self, tokens: torch.Tensor, logits: torch.Tensor) -> int:
        """The token after ``tokens`` (shape [n]), by its ``logits`` (shape [vocabulary])."""
        scores = logits.float().unsqueeze(0)
        scores = self._penalty(_row(tokens[-PENALTY_WINDOW:]), scores)
        if self._greedy:
            return int(scores.argmax())
        probabilities = torch.softmax(self._warpers(_row(tokens), scores), dim=-1)
        return int(torch.multinomial(probabilities, 1, generator=self._generator))


def _row(tokens: torch.Tensor) -> Any:
    """Shape [1, n]."""
    return tokens.unsqueeze(0)
