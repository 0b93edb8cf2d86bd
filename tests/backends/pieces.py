"""An answer that comes in pieces of random sizes, told apart."""

from __future__ import annotations

import random

from backends.contract import Delta, ToolCall
from backends.conversation.harmony import HarmonySplitter
from backends.conversation.splitter import Splitter
from backends.tool_calls import whole_calls


def told_apart(
    splitter: Splitter | HarmonySplitter, text: str, seed: int, *, cut: bool
) -> tuple[str, str, list[ToolCall]]:
    """Return content, reasoning and calls of ``text``."""
    rng = random.Random(seed)
    deltas: list[Delta] = []
    while text:
        size = rng.randrange(1, 1 + min(len(text), 9))
        deltas += splitter.push(text[:size])
        text = text[size:]
    deltas += splitter.finish(cut=cut)
    calls = whole_calls(part for delta in deltas for part in delta.tool_calls)
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas), list(calls)
