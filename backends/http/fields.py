"""Fields of what a server sends, checked where they enter: of the expected type and of a size that can be sent on."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from native_host.protocol.strict_json import clean

MAX_COUNT = 2**53
"""The largest integer that every reader of JSON keeps exactly."""
MAX_NAME = 4000
"""Characters of a name that a server gives to a model or to an instance of one."""
MAX_LABEL = 200
"""Characters of what describes a model: its architecture, its quantisation."""


def parse(content: str | bytes) -> Any:
    """Return the JSON document, or None if it is not JSON, holds NaN or an infinity, or is nested too deeply."""
    try:
        return json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def count(value: Any) -> int | None:
    """Return a whole number from 0 to 2^53; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        return None
    return value


def size(value: Any) -> int:
    """Return a whole number from 0 to 2^53; 0 for everything else."""
    return count(value) or 0


def label(value: Any) -> str | None:
    """Return a short text; None for everything else."""
    return clean(value[:MAX_LABEL]) if isinstance(value, str) else None


def is_name(value: Any) -> bool:
    """Return True for a text that can be sent to a client and back to the server unchanged."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and clean(value) == value


def number(value: Any) -> float | None:
    """Return a finite number as a float; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large for a double")
    return value
