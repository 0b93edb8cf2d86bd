"""Arguments of calls: whole, or as far as they came before ``max_tokens`` cut the answer."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of one of the protocol's calls; of arguments that ``max_tokens`` cut, the members so far."""
    try:
        arguments = from_json(call["function"]["arguments"], allow_partial="trailing-strings")
    except ValueError:  # an engine without grammars may write anything
        return {}
    return arguments if isinstance(arguments, dict) else {}


def text_of(arguments: dict[str, Any] | str) -> str:
    """Return arguments as the protocol's text; text is what ``max_tokens`` left of them, and stays as it is."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def is_whole(arguments: str) -> bool:
    """Return True if the arguments of a call are a whole JSON document."""
    try:
        from_json(arguments)
    except ValueError:
        return False
    return True
