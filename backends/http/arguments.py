"""Arguments of calls in a conversation's history, for servers that refuse what is not a JSON object."""

from __future__ import annotations

import json
from typing import Any


def as_object(arguments: str) -> dict[str, Any]:
    """Return arguments as an object; text that ``max_tokens`` cut, or that is no object, as its only member."""
    value = _parsed(arguments or "{}")
    return {"arguments": arguments} if value is None else value


def as_object_text(arguments: str) -> str:
    """Return the same as text, which stays as it is where it is an object."""
    return arguments if _parsed(arguments) is not None else json.dumps(as_object(arguments), ensure_ascii=False)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)
