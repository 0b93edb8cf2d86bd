"""Answers that match a JSON schema or grammar: tokens that would leave it get no probability. By llguidance."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, apply_token_bitmask_inplace, fill_next_token_bitmask
from numpy.typing import NDArray

from backends.contract import Constraint, EngineError
from backends.grammar import compiled, unusable


class Grammars:
    """The grammars of one vocabulary, which is made when it is first needed: that takes a while."""

    def __init__(self, vocabulary: Callable[[], LLTokenizer]) -> None:
        self._make_vocabulary = vocabulary

    def matcher(self, constraint: Constraint) -> Matcher:
        """Holds one answer to ``constraint``.

        Raises:
            EngineError: ``bad_param`` with what is wrong with it.
        """
        matcher = LLMatcher(self._vocabulary, compiled(constraint), log_level=0)
        if matcher.is_error():
            raise unusable(constraint, matcher.get_error())
        return Matcher(matcher, self._vocabulary.vocab_size)

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, perhaps a part of a character."""
        return bytes(self._vocabulary.decode_bytes([token]))

    @cached_property
    def _vocabulary(self) -> LLTokenizer:
        return self._make_vocabulary()


class Matcher:
    """Where in the grammar an answer is."""

    def __init__(self, matcher: LLMatcher, vocab_size: int) -> None:
        self._matcher = matcher
        self._mask = allocate_token_bitmask(1, vocab_size)
        self._vocab_size = vocab_size

    def allowed(self, logits: NDArray[Any]) -> NDArray[Any]:
        """The logits (shape [vocabulary]), minus infinity for tokens that would leave the grammar."""
        fill_next_token_bitmask(self._matcher, self._mask)
        masked = np.full(logits.shape, -np.inf, np.float32)
        known = logits[: self._vocab_size].astype(np.float32)[np.newaxis]
        apply_token_bitmask_inplace(known, self._mask)
        masked[: self._vocab_size] = known[0]
        return masked

    def ends_after(self, token: int) -> bool:
        """Take the token; whether the answer is whole and nothing can follow."""
        self._matcher.consume_token(token)
        if self._matcher.is_error():
            raise EngineError("generation_failed", f"The grammar lost its way: {self._matcher.get_error()}")
        return bool(self._matcher.is_stopped())
