"""How long a context is where nobody asks, and what happens to prompts that do not fit."""

from __future__ import annotations

from backends.contract import EngineError

LARGEST_DEFAULT_CONTEXT = 8192
"""Tokens. A longer context is taken only when it is asked for."""


def refuse_overflow(prompt_tokens: int, context_length: int) -> None:
    """Refuse a prompt that leaves no room for an answer.

    Raises:
        EngineError: ``context_overflow``.
    """
    if prompt_tokens >= context_length:
        raise EngineError(
            "context_overflow",
            f"The prompt has {prompt_tokens} tokens and the context holds {context_length}. "
            "Shorten it or load the model with a longer context.",
            prompt_tokens=prompt_tokens,
            context_length=context_length,
        )
