"""JSON as two parsers must agree on it: no duplicate keys, no NaN, nothing unbounded.

``json.loads`` alone accepts UTF-16, NaN, ``1e999``, duplicate keys and lone surrogates; each of these means one thing
here and another in the browser or in Rust, or breaks later when it is written out again.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from native_host.protocol.errors import ErrorCode, RemoteProtocolError

MAX_DEPTH = 64
MAX_INTEGER_DIGITS = 19

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def loads(payload: bytes) -> Any:
    """Parse one document.

    Raises:
        RemoteProtocolError: ``bad_utf8``, ``bad_json``, ``too_deep`` or ``duplicate_key``.
    """
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(ErrorCode.BAD_UTF8, "The message is not valid UTF-8.", offset=error.start) from error
    if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        raise RemoteProtocolError(ErrorCode.BAD_UTF8, "The message starts with a byte-order mark.", offset=0)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_object,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_short_int,
        )
    except json.JSONDecodeError as error:
        raise RemoteProtocolError(
            ErrorCode.BAD_JSON, f"The message is not one JSON document: {error.msg}.", offset=error.pos
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return _checked(value, MAX_DEPTH, repair=_ESCAPED_SURROGATE.search(text) is not None)


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON. Raises ``ValueError`` for NaN and infinities, which a browser would drop in silence."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RemoteProtocolError(
                    ErrorCode.DUPLICATE_KEY, "An object has the same key twice.", key=clean(key)[:128]
                )
            seen.add(key)
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise RemoteProtocolError(ErrorCode.BAD_JSON, f"{name} is not JSON.")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise RemoteProtocolError(ErrorCode.BAD_JSON, "A number is too large for a double.")
    return value


def _short_int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise RemoteProtocolError(ErrorCode.BAD_JSON, f"An integer has more than {MAX_INTEGER_DIGITS} digits.")
    return int(digits)


def _checked(value: Any, depth: int, *, repair: bool) -> Any:
    """``value`` with its depth checked and, where the text had escaped surrogates, lone ones replaced."""
    if isinstance(value, str):
        return clean(value) if repair else value
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise _too_deep()
    if isinstance(value, list):
        return [_checked(item, depth - 1, repair=repair) for item in value]
    return {clean(key) if repair else key: _checked(item, depth - 1, repair=repair) for key, item in value.items()}


def clean(text: str) -> str:
    """``text`` with lone surrogates replaced, so that it can be written as UTF-8."""
    return _LONE_SURROGATE.sub(_REPLACEMENT, text)


def _too_deep() -> RemoteProtocolError:
    return RemoteProtocolError(ErrorCode.TOO_DEEP, f"The message is nested deeper than {MAX_DEPTH}.", limit=MAX_DEPTH)
