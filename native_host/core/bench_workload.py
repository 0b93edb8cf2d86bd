"""What ``bench_model`` has an engine do: read a page that it has not seen, then write on, greedily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import GenerateOptions
from native_host.protocol.messages.results.answers import GenerateResult

CHARACTERS_PER_TOKEN = 4.0
"""Where an engine does not count tokens."""
LEAST_WRITTEN = 0.25
"""Of the answer asked for; one that ends sooner tells no speed."""
WARM_UP_TOKENS = 8
_SENTENCES = (
    "The ferry number {0} left the harbour at dawn with {0} passengers and a cargo of apples.",
    "Its captain had crossed the bay for years and knew every rock below the water.",
    "On the other shore the market was opening, and the first carts came down the hill.",
    "By noon all the apples were sold, and {0} crates of glass stood ready for the way back.",
    "Nobody spoke of the weather, though the clouds over the mountains grew darker.",
)


@dataclass(frozen=True, slots=True)
class Workload:
    """Tokens to read and to write, as often as ``repeats`` after a short warm-up."""

    prompt_tokens: int
    answer_tokens: int
    repeats: int

    def fitting(self, context_length: int | None) -> Workload:
        """The same, with a prompt that leaves room for the answer; lengths are never exact to the token."""
        room = int((context_length - self.answer_tokens) * 0.95) if context_length else self.prompt_tokens
        return Workload(max(1, min(self.prompt_tokens, room)), self.answer_tokens, self.repeats)

    def rounds(self, characters_per_token: float) -> list[tuple[str, GenerateOptions]]:
        """Prompts and how to answer them, the warm-up first."""
        warm_up = passage(0, int(WARM_UP_TOKENS * characters_per_token)), greedy(WARM_UP_TOKENS)
        page = int(self.prompt_tokens * characters_per_token)
        return [warm_up, *((passage(turn + 1, page), greedy(self.answer_tokens)) for turn in range(self.repeats))]


def passage(number: int, characters: int) -> str:
    """Text that starts differently for every ``number``, so that nothing cached of another helps."""
    text = f"{number + 1}. "
    for turn in count(number * 31):
        if len(text) >= characters:
            break
        text += _SENTENCES[turn % len(_SENTENCES)].format(turn) + " "
    return text[:characters].rstrip()


def greedy(max_tokens: int) -> GenerateOptions:
    """Always the likeliest token."""
    return GenerateOptions(max_tokens=max_tokens, temperature=0.0)


def rates(results: Sequence[GenerateResult], answer_tokens: int) -> tuple[float, float]:
    """Prefill and decode in tokens per second: medians of the rounds, the warm-up not among them.

    Raises:
        TabAgentError: ``generation_failed`` where there was nothing to measure.
    """
    enough = max(2, LEAST_WRITTEN * answer_tokens)
    written = [result.timings for result in results if result.usage.completion_tokens >= enough]
    if not written:
        most = max(result.usage.completion_tokens for result in results)
        raise TabAgentError(
            ErrorCode.GENERATION_FAILED, f"Its answers ended after {most} tokens, too soon to tell a speed."
        )
    prefill = median(result.timings.prefill_tokens_per_second for result in results)
    decode = median(timings.decode_tokens_per_second for timings in written)
    if not (prefill > 0 and decode > 0):
        raise TabAgentError(ErrorCode.GENERATION_FAILED, "It does not tell how long it read and wrote.")
    return prefill, decode
