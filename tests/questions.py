"""What tests ask the small real model: a question that it answers right on every CPU variant, and a tool to call."""

from __future__ import annotations

from typing import Any

SYSTEM = "You answer questions in full sentences."
QUESTION = "What is the capital of France?"
CAPITAL: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
"""Both as a conversation; the answer names Paris."""
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
"""A tool, as OpenAI's chat completions have it."""
