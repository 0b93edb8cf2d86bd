"""Numbers and foreign text for people's eyes."""

from __future__ import annotations

import unicodedata

_UNITS = ("B", "kB", "MB", "GB", "TB")


TEMPLATE_CHANGED = "The chat template of this model has changed since it was loaded last; `tabagent show` has its hash."


def size(count: float) -> str:
    """Bytes, in powers of 1000 as disks and downloads are sold."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError(count)


def number(count: int | None) -> str:
    """Parameters: 134.5M, 7.2B."""
    if not count:
        return ""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f}{unit}"
    return str(count)


def duration(seconds: float | None) -> str:
    """A span of time to its two largest units; for ever where there is none."""
    if seconds is None:
        return "for ever"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def plain(text: str) -> str:
    """Text of a model or a file name, without what would steer the terminal. Line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(it if it in "\n\t" or unicodedata.category(it) not in ("Cc", "Cf") else _shown(it) for it in text)


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\u200c\u200d":  # they join and part letters and emoji
        return character
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
