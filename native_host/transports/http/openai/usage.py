"""Tokens of one or several answers, as OpenAI counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def usage_of(results: Sequence[dict[str, Any]], prompts: int = 1) -> dict[str, Any]:
    """``results`` are the protocol's, those of the same prompt in a row; a prompt counts once."""
    per_prompt = max(1, len(results) // prompts)
    prompt = sum(result["usage"]["prompt_tokens"] for result in results[::per_prompt])
    completion = sum(result["usage"]["completion_tokens"] for result in results)
    cached = sum(result["usage"]["cached_tokens"] for result in results[::per_prompt])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
