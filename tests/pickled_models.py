"""PyTorch's weight files in both layouts, made opcode by opcode, and pickles that would run code."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

Floats = Mapping[str, tuple[list[int], list[float]]]
"""Name → shape and numbers, row by row."""

_LEGACY_HEAD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."


def archive(tensors: Floats) -> bytes:
    """What ``torch.save`` writes since version 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as entries:
        entries.writestr("model/data.pkl", _state_dict(tensors))
        entries.writestr("model/byteorder", "little")
        for key, (_, numbers) in enumerate(tensors.values()):
            entries.writestr(f"model/data/{key}", _floats(numbers))
    return file.getvalue()


def legacy(tensors: Floats) -> bytes:
    """What it wrote before."""
    keys = b"".join(_text(str(key)) + b"a" for key in range(len(tensors)))
    storages = b"".join(struct.pack("<q", len(numbers)) + _floats(numbers) for _, numbers in tensors.values())
    return _LEGACY_HEAD + _state_dict(tensors) + b"\x80\x02]" + keys + b"." + storages


def _state_dict(tensors: Floats) -> bytes:
    out = b"\x80\x02ccollections\nOrderedDict\n)R("
    for key, (name, (shape, numbers)) in enumerate(tensors.items()):
        strides = [1]
        for extent in reversed(shape[1:]):
            strides.insert(0, strides[0] * extent)
        storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(str(key)) + _text("cpu")
        storage += _number(len(numbers)) + b"tQ"
        sizes = b"".join(b"(" + b"".join(map(_number, extents)) + b"t" for extents in (shape, strides))
        out += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _number(0) + sizes
        out += b"\x89ccollections\nOrderedDict\n)RtR"
    return out + b"u}" + _text("_metadata") + b"}sb."


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _floats(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


class _Calls:
    def __init__(self, function: object, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._call


def evil(canary: Path) -> dict[str, bytes]:
    """Files that write ``canary`` when Python's own machine opens them."""
    command = f"touch {canary}"
    programs = {
        "system": pickle.dumps(_Calls(os.system, command), 2),
        "eval": pickle.dumps(_Calls(eval, f"open({str(canary)!r}, 'w')"), 4),
        # Names nothing that a scanner looks for, but gets it by looking.
        "lookup": pickle.dumps(_Calls(inspect.getattr_static, _Calls(importlib.import_module, "os"), "system"), 2),
        "inst": b"(S'" + command.encode() + b"'\nios\nsystem\n.",
        "beside weights": _state_dict({"w": ([1], [1.0])})[:-1] + b"0cposix\nsystem\n" + _text(command) + b"\x85R.",
    }
    files = {}
    for name, program in programs.items():
        assert list(pickletools.genops(program)), name
        archived = io.BytesIO()
        with zipfile.ZipFile(archived, "w") as entries:
            entries.writestr("model/data.pkl", program)
        files[f"{name}, archive"] = archived.getvalue()
        files[f"{name}, bare"] = b"\x80\x02" + program
        files[f"{name}, legacy"] = _LEGACY_HEAD + program
    return files
