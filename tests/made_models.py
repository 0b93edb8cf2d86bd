"""GGUF and safetensors files, made byte by byte."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

Tensor = tuple[str, list[int], int, bytes]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def value(content: object) -> bytes:
    match content:
        case str():
            return struct.pack("<I", 8) + text(content)
        case float():
            return struct.pack("<If", 6, content)
        case int():
            return struct.pack("<II", 4, content)
        case [str(), *_] as texts:
            return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(text(str(it)) for it in texts)
        case [float(), *_] as numbers:
            return struct.pack(f"<IIQ{len(numbers)}f", 9, 6, len(numbers), *numbers)
        case [int(), *_] as numbers:
            return struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)
    raise TypeError(content)


def gguf(tensors: Iterable[Tensor], **values: object) -> bytes:
    tensors = list(tensors)
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, content in values.items():
        out += text(key.replace("__", ".")) + value(content)
    data = b""
    for name, shape, kind, content in tensors:
        out += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + data


def safetensors(**tensors: tuple[str, list[int]]) -> bytes:
    """Zeros of these types and shapes."""
    widths = {"F32": 4, "BF16": 2, "U8": 1}
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = widths[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset)
