"""The work every contender does: read a page-like prompt, then write an answer, greedily.

Each round has a prompt of its own, so no cache of an earlier round helps. Prefill is the time to the first token of a
new prompt; decode is the time from the first to the last token of the same prompt asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

DECODE_TOKENS = 128
_SENTENCES = (
    "The lighthouse stood on a rock {0} miles from the harbour of town number {0}.",
    "Its keeper wrote down the weather, the ships and the birds of every day.",
    "In winter nobody came for weeks, and the sea was the only voice he heard.",
    "He kept {0} books on a shelf above the stove and read each of them many times.",
    "Visitors asked him whether he was lonely; he showed them the logbook instead.",
)


def prompt(number: int, repeats: int = 7) -> str:
    """About 600 tokens that start differently for every ``number``."""
    page = " ".join(sentence.format(number * 7 + turn) for turn in range(repeats) for sentence in _SENTENCES)
    return f"Logbook {number}. {page}\n\nA long story about the lighthouse keeper:\n\nOnce upon a time"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client saw. Times are seconds on its own clock."""

    first_token_s: float
    total_s: float
    prompt_tokens: int
    completion_tokens: int

    @property
    def decode_rate(self) -> float:
        """Tokens per second after the first."""
        return (self.completion_tokens - 1) / (self.total_s - self.first_token_s)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one contender, in tokens per second."""

    prefill: float
    decode: float
