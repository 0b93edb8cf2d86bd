"""How long a context is where nobody asks, and what happens to prompts that do not fit."""

from __future__ import annotations

from collections.abc import Iterable

from backends.contract import EngineError

LARGEST_DEFAULT_CONTEXT = 8192
"""Tokens. A longer context is taken only when it is asked for."""


ALWAYS_READ = 1 << 20
"""Characters of a text that is always tokenised, which takes a second at most: of white space, it may be few tokens."""


def refuse_overflow(prompt_tokens: int, context_length: int) -> None:
    """Refuse a prompt that leaves no room for an answer.

    Raises:
        EngineError: ``context_overflow``.
    """
    if prompt_tokens >= context_length:
        raise _overflow(f"{prompt_tokens}", prompt_tokens, context_length)


def refuse_long(texts: Iterable[str], longest_token: int, context_length: int) -> None:
    """Refuse, before they are tokenised, texts that together are too long for the context whatever is in them.

    ``longest_token``: characters of the vocabulary's longest token.

    Raises:
        EngineError: ``context_overflow``; its ``prompt_tokens`` are the fewest that the texts can be.
    """
    characters = sum(map(len, texts))
    at_least = characters // max(1, longest_token)
    if characters > ALWAYS_READ and at_least >= context_length:
        raise _overflow(f"at least {at_least}", at_least, context_length)


def _overflow(counted: str, prompt_tokens: int, context_length: int) -> EngineError:
    return EngineError(
        "context_overflow",
        f"The prompt has {counted} tokens and the context holds {context_length}. "
        "Shorten it or load the model with a longer context.",
        prompt_tokens=prompt_tokens,
        context_length=context_length,
    )
