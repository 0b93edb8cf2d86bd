"""Row P3: an answer or a call under a strict schema has the properties that are listed, and no others."""

from __future__ import annotations

import json
from typing import Any

from tests.engines.conftest import Loaded, needs
from tests.questions import CAPITAL

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 5}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": PARAMETERS, "strict": True}}]
OPTIONS: dict[str, Any] = {"max_tokens": 60, "temperature": 1, "seed": 3}


@needs("chat", file=True, one=True)
def test_p3_strict_is_closed(loaded: Loaded) -> None:
    if loaded.can("json_schema"):
        form = {"type": "json_schema", "json_schema": {"name": "a", "schema": PARAMETERS, "strict": True}}
        last = loaded.ask("chat", messages=CAPITAL, options={**OPTIONS, "response_format": form})
        assert json.loads(last["result"]["text"]).keys() == {"city"}
    if loaded.can("tool_choice"):
        last = loaded.ask("chat", messages=CAPITAL, tools=TOOLS, tool_choice="required", options=OPTIONS)
        (call, *_) = last["result"]["tool_calls"]
        assert json.loads(call["function"]["arguments"]).keys() == {"city"}
