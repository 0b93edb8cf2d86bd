"""Metadata of a GGUF file, for clients that show it. What the file means is for Rust to decide.

Source: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
"""

from __future__ import annotations

import math
import os
import stat
import struct
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MAX_KEYS = 65_536
MAX_ELEMENTS = 2_000_000
"""Elements of all arrays together."""
MAX_TEXT_BYTES = 16 * 1024 * 1024
MAX_BYTES = 128 * 1024 * 1024
"""Of all metadata."""
LISTED_ELEMENTS = 256
"""Longest array that is returned unless all are wanted: vocabularies have hundreds of thousands."""

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9


def read_metadata(path: Path, *, all_arrays: bool = False) -> dict[str, Any]:
    """Return the metadata by key; a long array is None unless ``all_arrays``.

    Numbers that are not finite are None: JSON has none of them.

    Raises:
        OSError: The file cannot be read.
        ValueError: Not a GGUF file of version 2 or 3, or not one of a sensible size.
    """
    with os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a regular file")
        return _Reader(file, all_arrays=all_arrays).metadata()


class _Reader:
    """A file that is read from its beginning."""

    def __init__(self, file: BinaryIO, *, all_arrays: bool) -> None:
        self._file = file
        self._all_arrays = all_arrays
        self._elements = 0
        self._read = 0

    def metadata(self) -> dict[str, Any]:
        if self._bytes(4) != MAGIC or self._scalar("<I") not in (2, 3):
            raise ValueError("not a GGUF file")
        self._scalar("<Q")
        keys = self._scalar("<Q")
        if keys > MAX_KEYS:
            raise ValueError(f"{keys} keys")
        return {self._text(): self._value(self._scalar("<I")) for _ in range(keys)}

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            return self._array()
        raise ValueError(f"a value of type {kind}")

    def _array(self) -> list[Any] | None:
        kind, count = self._scalar("<I"), self._scalar("<Q")
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise ValueError(f"{self._elements} elements")
        if kind == _ARRAY:
            raise ValueError("an array of arrays")
        if self._all_arrays or count <= LISTED_ELEMENTS:
            return [self._value(kind) for _ in range(count)]
        for _ in range(count if kind == _TEXT else 0):
            self._bytes(self._scalar("<Q"))
        if kind in _SCALARS:
            self._bytes(count * struct.calcsize(_SCALARS[kind]))
        return None

    def _scalar(self, form: str) -> Any:
        (value,) = struct.unpack(form, self._bytes(struct.calcsize(form)))
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def _text(self) -> str:
        return self._bytes(self._scalar("<Q")).decode("utf-8", "replace")

    def _bytes(self, count: int) -> bytes:
        self._read += count
        if count > MAX_TEXT_BYTES or self._read > MAX_BYTES:
            raise ValueError(f"{count} bytes in a row")
        data = self._file.read(count)
        if len(data) < count:
            raise ValueError("the file ends within its metadata")
        return data
