"""Checks of texts that are evaluated at once."""

from __future__ import annotations

from collections.abc import Sequence

from backends.contract import EngineError


def refuse_long(lengths: Sequence[int], longest: int) -> None:
    """Refuse texts of more tokens than the model was made for: cut ones would be compared as if they were whole.

    Raises:
        EngineError: ``context_overflow``, with the first that is too long.
    """
    for index, length in enumerate(lengths):
        if length > longest:
            raise EngineError(
                "context_overflow",
                f"Text {index} has {length} tokens and the model takes {longest}. Split it.",
                prompt_tokens=length,
                context_length=longest,
                index=index,
            )
