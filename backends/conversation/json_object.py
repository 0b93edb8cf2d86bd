"""The end of a JSON object that comes in pieces."""

from __future__ import annotations


class JsonObject:
    """Finds the end of an object, whose text must be valid as far as it goes."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_text = False
        self._is_escaped = False

    def end_in(self, piece: str) -> int | None:
        """Return the number of characters of the next piece that are the object's; None if it does not end there."""
        for at, character in enumerate(piece):
            if self._is_escaped:
                self._is_escaped = False
            elif self._is_text:
                self._is_escaped = character == "\\"
                self._is_text = character != '"'
            elif character == '"':
                self._is_text = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at + 1
        return None
