"""Row T2: every way to lie in a GGUF file that llama.cpp's own tests know, and a bomb of 49 bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tabagent_model import ModelError, detect_model

from tests.made_models import text

ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("llama")
U64 = 2**64 - 1


def file(
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_values: int | None = None,
    values: tuple[bytes, ...] = (ARCHITECTURE,),
    tensors: tuple[bytes, ...] = (),
    data: int = 0,
) -> bytes:
    counts = (len(tensors) if n_tensors is None else n_tensors, len(values) if n_values is None else n_values)
    head = magic + struct.pack("<IQQ", version, *counts) + b"".join(values) + b"".join(tensors)
    return head + bytes(-len(head) % 32 + data)


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def tensor(name: str = "t", shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


BAD: dict[str, Callable[[], bytes]] = {
    "magic": lambda: file(magic=b"GGUX"),
    "version 0": lambda: file(version=0),
    "version 1": lambda: file(version=1),
    "a future version": lambda: file(version=4),
    "the other byte order": lambda: file(version=3 << 24),
    "number of tensors": lambda: file(n_tensors=U64 // 2),
    "number of values": lambda: file(n_values=U64 // 2),
    "one value more than there is": lambda: file(n_values=2)[:60],
    "a key's length": lambda: file(values=(ARCHITECTURE, struct.pack("<Q", U64) + b"x")),
    "a value's type": lambda: file(values=(ARCHITECTURE, text("x") + struct.pack("<I", 99))),
    "an array's type": lambda: file(values=(ARCHITECTURE, text("x") + struct.pack("<IIQ", 9, 99, 1))),
    "an array of arrays": lambda: file(values=(ARCHITECTURE, text("x") + struct.pack("<IIQ", 9, 9, 1))),
    "an array's length": lambda: file(values=(ARCHITECTURE, text("x") + struct.pack("<IIQ", 9, 4, U64 // 4))),
    "a string's length": lambda: file(values=(ARCHITECTURE, text("x") + struct.pack("<IQ", 8, U64 - 7))),
    "a key twice": lambda: file(values=(ARCHITECTURE, number("x", 1), number("x", 2))),
    "no architecture": lambda: file(values=(number("x", 1),)),
    "alignment 0": lambda: file(values=(ARCHITECTURE, number("general.alignment", 0))),
    "alignment 13": lambda: file(values=(ARCHITECTURE, number("general.alignment", 13))),
    "alignment that is text": lambda: file(
        values=(ARCHITECTURE, text("general.alignment") + struct.pack("<I", 8) + text("32"))
    ),
    "513 layers": lambda: file(values=(ARCHITECTURE, number("llama.block_count", 513))),
    "a tensor's name": lambda: file(tensors=(tensor("t" * 64),), data=128),
    "five dimensions": lambda: file(tensors=(tensor(shape=(1, 1, 1, 1, 1)),), data=128),
    "a negative extent": lambda: file(tensors=(tensor(shape=(U64,)),), data=128),
    "extents that overflow": lambda: file(tensors=(tensor(shape=(2**32, 2**32, 2)),), data=128),
    "extents that overflow beside a zero": lambda: file(tensors=(tensor(shape=(2**40, 2**40, 0)),), data=128),
    "a tensor's type": lambda: file(tensors=(tensor(kind=2**31),), data=128),
    "a type of the future": lambda: file(tensors=(tensor(kind=43),), data=128),
    "rows that are no blocks": lambda: file(tensors=(tensor(shape=(31,), kind=2),), data=128),
    "an offset that is not aligned": lambda: file(tensors=(tensor(offset=1),), data=256),
    "an offset beyond": lambda: file(tensors=(tensor(offset=U64 - 31),), data=128),
    "a gap": lambda: file(tensors=(tensor(), tensor("u", offset=256)), data=512),
    "an overlap": lambda: file(tensors=(tensor(), tensor("u", offset=32)), data=512),
    "a name twice": lambda: file(tensors=(tensor(), tensor(offset=128)), data=512),
    "a byte too few": lambda: file(tensors=(tensor(),), data=127),
    "a bomb of 49 bytes": lambda: (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"x" + struct.pack("<IIQ", 9, 8, 2**61)
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_it_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(BAD[what]())
    if what == "a type of the future":  # sound, but for a later version
        assert detect_model(path)["obstacles"]
        return
    with pytest.raises(ModelError) as raised:
        detect_model(path)
    assert raised.value.path == str(path)


def test_a_good_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "good.gguf"
    path.write_bytes(file(tensors=(tensor(), tensor("u", offset=128)), data=256))
    assert detect_model(path)["obstacles"] == []
    assert len(BAD["a bomb of 49 bytes"]()) == 49
