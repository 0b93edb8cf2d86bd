"""Large JSON messages: parsed by jiter, with the rules and error codes of small ones.

``json`` blocks the event loop up to a second on 16 MiB; jiter takes under 0.1 s, but accepts duplicate keys and
infinities and refuses lone surrogates. ``Limits`` bound the time and memory that any number of bytes costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from native_host.protocol.errors import ErrorCode, RemoteProtocolError

LARGE_BYTES = 16 * 1024
"""Size from which a message is parsed here. Smaller ones do without ``pydantic_core``, whose import takes 40 ms."""

MAX_DEPTH = 64
MAX_INTEGER_DIGITS = 19
FIRST_LONG_INTEGER = 10**MAX_INTEGER_DIGITS

_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},:"))
_DIGITS = 4
"""Hexadecimal digits after ``\\u``."""
_HIGH_SURROGATE = re.compile(rb"[dD][89abAB][0-9a-fA-F]{2}")
_LOW_SURROGATE = re.compile(rb"[dD][c-fC-F][0-9a-fA-F]{2}")


CHECKED_FOR_DEPTH = 2_000
"""Brackets, commas and colons at the beginning of a document."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold, whatever its size in bytes."""

    values: int
    """List items and values of keys."""
    structures: int
    """Strings, keys, lists and objects: each takes longer than a number."""
    escapes: int
    """Backslashes."""

    def check(self, count: int, limit: int, what: str) -> None:
        """Raise ``bad_json`` if ``count`` exceeds ``limit``."""
        if count > limit:
            raise RemoteProtocolError(
                ErrorCode.BAD_JSON, f"The message has more than {limit:,} {what}. Send less at once.", limit=limit
            )


REQUEST = Limits(values=500_000, structures=120_000, escapes=500_000)
"""A picture of 320 by 320 by 3 numbers has 410,000 values and 103,000 lists; parsing this many takes under 0.1 s."""

EVENT = Limits(values=8_000_000, structures=4_000_000, escapes=64_000_000)
"""An answer has up to 200,000 probabilities of tokens, or 64 MiB of numbers."""

MAX_REPAIRED_BYTES = 8 * 1024 * 1024
MAX_HEX_ESCAPES = 100_000
"""Size, and escape sequences ``\\u``, of a message whose lone surrogates are replaced: it is parsed twice."""


def loads(payload: bytes, limits: Limits) -> Any:
    """Parse a document.

    Raises:
        RemoteProtocolError: ``bad_utf8``, ``bad_json``, ``too_deep`` or ``duplicate_key``.
    """
    escapes = payload.count(b"\\")
    limits.check(escapes, limits.escapes, "escape sequences")
    keys = _keys(_without_escapes(payload) if escapes else payload, limits)
    value = _parse(payload)
    if _checked_keys(value) != keys:
        raise RemoteProtocolError(ErrorCode.DUPLICATE_KEY, "An object has the same key twice.")
    return value


def _without_escapes(payload: bytes) -> bytes:
    """Return a document in which each quotation mark begins or ends a string."""
    return payload.replace(b"\\\\", b"..").replace(b'\\"', b"..")


def _keys(payload: bytes, limits: Limits) -> int:
    """Return the number of keys in a document, which is within ``limits``. Exact if the document is valid."""
    parts = payload.split(b'"', 2 * limits.structures + 2)
    strings = len(parts) // 2
    structure = b"".join(parts[::2]).translate(None, _NOT_STRUCTURE)
    _check_depth(structure[:CHECKED_FOR_DEPTH])
    containers = structure.count(b"[") + structure.count(b"{")
    limits.check(strings + containers, limits.structures, "strings, lists and objects")
    limits.check(structure.count(b",") + containers, limits.values, "values")
    return structure.count(b":")


def _check_depth(structure: bytes) -> None:
    """Refuse a document that begins too deep: what goes on so would exceed other limits too."""
    depth = 0
    for character in structure:
        if character in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise too_deep()
        elif character in b"]}":
            depth -= 1


def _parse(payload: bytes) -> Any:
    from pydantic_core import from_json  # noqa: PLC0415  # the host starts without

    try:
        return from_json(payload, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        reason = str(error)
    repaired = _without_lone_surrogates(payload) if "hex escape" in reason else b""
    if not repaired:
        raise _refusal(payload, reason)
    return _parse(repaired)


def _refusal(payload: bytes, reason: str) -> RemoteProtocolError:
    """Return the error for a document that jiter does not accept."""
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        return RemoteProtocolError(ErrorCode.BAD_UTF8, "The message is not valid UTF-8.", offset=error.start)
    if payload.startswith(b"\xef\xbb\xbf"):
        return RemoteProtocolError(ErrorCode.BAD_UTF8, "The message starts with a byte-order mark.", offset=0)
    if "recursion limit" in reason:
        return too_deep()
    if "number out of range" in reason:
        return long_integer()
    return RemoteProtocolError(ErrorCode.BAD_JSON, f"The message is not one JSON document: {reason}.")


def _without_lone_surrogates(payload: bytes) -> bytes:
    """Return a document with U+FFFD for lone surrogates, or nothing if there are none or it is too long."""
    if len(payload) > MAX_REPAIRED_BYTES:
        return b""
    parts = payload.replace(b"\\\\", b"\\u005c").split(b"\\u")  # the backslash of each ``\\u`` begins an escape
    if len(parts) > MAX_HEX_ESCAPES:
        return b""
    repaired, is_paired, lone = [parts[0]], False, 0
    for part, following in zip(parts[1:], [*parts[2:], b""], strict=True):
        if _HIGH_SURROGATE.match(part):
            is_paired = len(part) == _DIGITS and _LOW_SURROGATE.match(following) is not None
            is_lone = not is_paired
        else:
            is_lone = not is_paired and _LOW_SURROGATE.match(part) is not None
            is_paired = False
        lone += is_lone
        repaired.append(b"fffd" + part[_DIGITS:] if is_lone else part)
    return b"\\u".join(repaired) if lone else b""


def _checked_keys(document: Any) -> int:
    """Return the number of keys in a document, after checking depth and numbers."""
    keys = depth = 0
    level: list[Any] = [[document]]
    while level:
        if depth > MAX_DEPTH:
            raise too_deep()
        depth += 1
        following: list[Any] = []
        for container in level:
            items: Any = container
            if container.__class__ is dict:
                keys += len(container)
                items = container.values()
            for item in items:
                kind = item.__class__
                if kind is float:
                    if item - item:  # NaN for an infinity
                        raise infinite()
                elif kind is dict or kind is list:
                    following.append(item)
                elif kind is int and not -FIRST_LONG_INTEGER < item < FIRST_LONG_INTEGER:
                    raise long_integer()
        level = following
    return keys


def too_deep() -> RemoteProtocolError:
    """Error for a document that is nested too deeply."""
    return RemoteProtocolError(ErrorCode.TOO_DEEP, f"The message is nested deeper than {MAX_DEPTH}.", limit=MAX_DEPTH)


def long_integer() -> RemoteProtocolError:
    """Error for an integer that other parsers would round."""
    return RemoteProtocolError(ErrorCode.BAD_JSON, f"An integer has more than {MAX_INTEGER_DIGITS} digits.")


def infinite() -> RemoteProtocolError:
    """Error for a number beyond the range of a double."""
    return RemoteProtocolError(ErrorCode.BAD_JSON, "A number is too large for a double.")
