"""A language model of an engine in Python: prompts, limits and the loop are common to all; logits are the engine's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.contract import Conversation, Sampling, TextStream
from backends.conversation.dialogue import Prepared
from backends.conversation.messages import texts_of
from backends.text.control import Control, Slots
from backends.text.grammar import Grammars
from backends.text.limits import refuse_long, refuse_overflow
from backends.text.logprobs import Logprobs
from backends.text.prompt_tokenizer import PromptTokenizer
from backends.text.sampler import Sampler
from backends.text.stream import Generation, Piece, Pieces

CHUNK = 256
"""Tokens evaluated between two looks at whether the request was cancelled."""


class Evaluation(Protocol):
    """One sequence with its KV cache."""

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits (shape [vocabulary]) of what follows all tokens so far and these."""


Begin = Callable[[int, Control], Evaluation]
"""Starts a sequence of at most so many tokens. It may ``check`` the control while it computes."""


class LanguageModel:
    """Serves ``generate``, ``chat`` and ``tokenize``."""

    def __init__(self, tokenizer: PromptTokenizer, begin: Begin, context_length: int, parallel: int) -> None:
        self._tokenizer = tokenizer
        self._begin = begin
        self._slots = Slots(parallel)
        self._grammars = Grammars(tokenizer.for_grammars)
        self.context_length = context_length

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text."""
        self._refuse_long([prompt])
        tokens = self._tokenizer.encode(prompt, add_special=True) or self._tokenizer.beginning
        return self._stream(tokens, sampling, coalesce_ms)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        prepared, prompt = self._prepared(conversation, sampling)
        return prepared.answer(
            self._stream(prompt, prepared.sampling, coalesce_ms, shown=self._tokenizer.chat_template.marks)
        )

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        return self._tokenizer.encode(text, special=special, add_special=add_special)

    def close(self) -> None:
        """End the template's process."""
        self._tokenizer.close()

    def _prepared(self, conversation: Conversation, sampling: Sampling) -> tuple[Prepared, list[int]]:
        """Render a conversation; return it with the tokens of its prompt."""
        self._refuse_long(texts_of(conversation.messages))
        prepared = self._tokenizer.chat_template.prepare(conversation, sampling)
        self._refuse_long(piece.text for piece in prepared.pieces)
        return prepared, self._tokenizer.tokens(prepared.pieces)

    def _refuse_long(self, texts: Iterable[str]) -> None:
        refuse_long(texts, self._tokenizer.longest_token, self.context_length)

    def _stream(
        self,
        prompt: list[int],
        sampling: Sampling,
        coalesce_ms: float,
        begin: Begin | None = None,
        shown: Collection[str] = (),
    ) -> TextStream:
        """Begin the answer to a prompt.

        ``begin``: starts a sequence that has more than tokens. ``shown``: control tokens that the text shows.
        """
        refuse_overflow(len(prompt), self.context_length)

        def source(control: Control) -> Pieces:
            return self._tokens(prompt, sampling, control, begin or self._begin, shown)

        return Generation(source, Control(len(prompt)), self._slots, sampling, coalesce_ms)

    def _tokens(
        self, prompt: list[int], sampling: Sampling, control: Control, begin: Begin, shown: Collection[str]
    ) -> Pieces:
        most = min(len(prompt) + sampling.max_tokens, self.context_length)
        sequence, sampler, decoder = begin(most, control), Sampler(sampling), self._tokenizer.decoder(shown)
        tokens = list(prompt)
        grammar = self._grammars.matcher(sampling.constraint) if sampling.constraint else None
        logprobs = Logprobs(self._grammars.token_bytes, sampling.logprobs)
        logits = np.empty(0, np.float32)
        for start in range(0, len(prompt), CHUNK):
            logits = sequence.evaluate(prompt[start : start + CHUNK])
            control.evaluated(start + CHUNK)
        while True:
            token = sampler.draw(tokens, grammar.allowed(logits) if grammar else logits)
            if token in self._tokenizer.end_tokens:
                return
            tokens.append(token)
            yield Piece(decoder.push(token), logprobs=logprobs.of(token, logits))
            if grammar and grammar.ends_after(token):
                return
            if len(tokens) >= self.context_length:
                control.finish = "length"
                return
            logits = sequence.evaluate([token])
