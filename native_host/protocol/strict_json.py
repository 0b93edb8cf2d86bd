"""JSON as two parsers must agree on it: no duplicate keys, no NaN, nothing unbounded.

``json.loads`` alone accepts UTF-16, NaN, ``1e999``, duplicate keys and lone surrogates; each of these means one thing
here and another in the browser or in Rust, or breaks later when it is written out again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from native_host.protocol import large_json
from native_host.protocol.errors import ErrorCode, RemoteProtocolError
from native_host.protocol.large_json import (
    FIRST_LONG_INTEGER,
    MAX_DEPTH,
    MAX_INTEGER_DIGITS,
    Limits,
    infinite,
    long_integer,
    too_deep,
)

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def loads_request(payload: bytes) -> Any:
    """Parse a document of a client, in time and memory that are bounded whatever it holds.

    Raises:
        RemoteProtocolError: as ``loads``; ``bad_json`` for more than ``large_json.REQUEST`` allows.
    """
    return loads(payload, large_json.REQUEST)


def loads(payload: bytes, limits: Limits = large_json.EVENT) -> Any:
    """Parse one document.

    Raises:
        RemoteProtocolError: ``bad_utf8``, ``bad_json``, ``too_deep`` or ``duplicate_key``.
    """
    return large_json.loads(payload, limits) if len(payload) > large_json.LARGE_BYTES else _loads_small(payload)


def _loads_small(payload: bytes) -> Any:
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
        raise too_deep() from error
    return _checked(value, MAX_DEPTH, repair=_ESCAPED_SURROGATE.search(text) is not None)


def dumps(value: Any) -> bytes:
    """Return compact UTF-8 JSON that ``loads`` accepts.

    Raises:
        ValueError: NaN, an infinity, an integer that is too long, a lone surrogate, too deep, or a key that is no text.
    """
    _check_sendable(value, MAX_DEPTH)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _check_sendable(value: Any, depth: int) -> None:
    if isinstance(value, int):
        if not -FIRST_LONG_INTEGER < value < FIRST_LONG_INTEGER:
            raise ValueError(f"An integer has more than {MAX_INTEGER_DIGITS} digits.")
    elif isinstance(value, dict | list | tuple):
        if depth == 0:
            raise ValueError(f"The message is nested deeper than {MAX_DEPTH}.")
        items: Iterable[Any] = value
        if isinstance(value, dict):
            items = value.values()
            if not all(isinstance(key, str) for key in value):
                raise ValueError("An object has a key that is not a string.")
        for item in items:
            if item.__class__ is not float and item.__class__ is not str:
                _check_sendable(item, depth - 1)


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
        raise infinite()
    return value


def _short_int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise long_integer()
    return int(digits)


def _checked(value: Any, depth: int, *, repair: bool) -> Any:
    """``value`` with its depth checked and, where the text had escaped surrogates, lone ones replaced."""
    if isinstance(value, str):
        return clean(value) if repair else value
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise too_deep()
    if isinstance(value, list):
        return [_checked(item, depth - 1, repair=repair) for item in value]
    return {clean(key) if repair else key: _checked(item, depth - 1, repair=repair) for key, item in value.items()}


def clean(text: str) -> str:
    """``text`` with lone surrogates replaced, so that it can be written as UTF-8."""
    return _LONE_SURROGATE.sub(_REPLACEMENT, text)
