"""A question that the small real model answers right, greedily, on every CPU variant, given this system message."""

from __future__ import annotations

from typing import Any

SYSTEM = "You answer questions in full sentences."
QUESTION = "What is the capital of France?"
CAPITAL: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
"""Both as a conversation; the answer names Paris."""
