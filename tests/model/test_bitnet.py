"""I2_S models made here, of random ternary weights: repacked, they compute what their floats compute."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tabagent_model import PyModel, WrongFormat, detect_model, repack_bitnet

from tests.made_models import gguf, text
from tests.ternary_model import I2_S, pack_i2_s, tensors, write


def unpack_tq2_0(packed: bytes) -> list[int]:
    """Weight by weight, as the format is described."""
    weights = []
    for block in range(len(packed) // 66):
        qs = packed[66 * block : 66 * block + 64]
        assert packed[66 * block + 64 : 66 * block + 66] == b"\x00\x3c"
        for half in (0, 32):
            for field in range(4):
                weights += [qs[half + m] >> 2 * field & 3 for m in range(32)]
    return weights


@pytest.fixture(params=["llama", "bitnet"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_repacked_bit_by_bit(tmp_path: Path, architecture: str) -> None:
    source = write(tmp_path / "i2_s.gguf", architecture, ternary=True)
    assert detect_model(source)["quantisation"] == "I2_S"
    assert detect_model(source)["model_type"] == "bitnet"
    repack_bitnet(source, tmp_path / "tq2_0.gguf")
    made = (tmp_path / "tq2_0.gguf").read_bytes()
    found = detect_model(tmp_path / "tq2_0.gguf")
    assert found["quantisation"] == "TQ2_0"
    assert found["obstacles"] == []
    for name, _, kind, content in tensors(architecture, ternary=True):
        if kind != I2_S:
            continue
        entry = made.index(text(name)) + len(text(name))
        (offset,) = struct.unpack_from("<Q", made, entry + 4 + 16 + 4)
        data = len(made) - sum(len(it) + -len(it) % 32 for it in parts(architecture))
        rows = made[data + offset :]
        count = (len(content) - 32) * 4
        codes_before = unpack_i2_s(content)
        assert unpack_tq2_0(rows[: count // 256 * 66]) == codes_before
        scale = name.replace(".weight", ".scale")
        at = made.index(text(scale)) + len(text(scale))
        (place,) = struct.unpack_from("<Q", made, at + 4 + 8 + 4)
        assert made[data + place : data + place + 4] == content[count // 4 : count // 4 + 4]


def unpack_i2_s(packed: bytes) -> list[int]:
    count = (len(packed) - 32) * 4
    return [packed[32 * (n // 128) + n % 32] >> (6 - 2 * (n % 128 // 32)) & 3 for n in range(count)]


def parts(architecture: str) -> list[bytes]:
    """The data of the repacked file's tensors, by their sizes."""
    sizes = []
    for _, _, kind, content in tensors(architecture, ternary=True):
        sizes += [bytes((len(content) - 32) * 4 // 256 * 66), bytes(4)] if kind == I2_S else [content]
    return sizes


def test_it_computes_what_its_floats_compute(library: str, tmp_path: Path, architecture: str) -> None:
    """TQ2_0 rounds activations to eight bits; the reference rounds nothing."""
    repack_bitnet(write(tmp_path / "i2_s.gguf", architecture, ternary=True), tmp_path / "tq2_0.gguf")
    write(tmp_path / "float.gguf", architecture, ternary=False)
    logits = []
    for name in ("float.gguf", "tq2_0.gguf"):
        with PyModel() as model:
            model.load(library, tmp_path / name)
            logits.append(model.next_logits([1, 75, 104, 111, 111, 114]))
    reference, repacked = logits
    assert len(reference) == 259
    dot = math.fsum(a * b for a, b in zip(reference, repacked, strict=True))
    norms = math.sqrt(math.fsum(a * a for a in reference) * math.fsum(b * b for b in repacked))
    assert dot / norms > 0.999
    assert max(range(259), key=reference.__getitem__) == max(range(259), key=repacked.__getitem__)


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    packed = pack_i2_s([1] * 128 * 3, 1.0)
    path = tmp_path / "odd.gguf"
    path.write_bytes(gguf([("blk.0.attn_q.weight", [128, 3], I2_S, packed)], general__architecture="llama"))
    with pytest.raises(WrongFormat, match="256"):
        repack_bitnet(path, tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()
    assert "multiples of 256" in detect_model(path)["obstacles"][0]["message"]


def test_layouts_of_one_machine_and_2b_4t_are_refused(tmp_path: Path) -> None:
    cases: dict[str, tuple[str, int, Callable[[int], int]]] = {
        "2b-4t": ("bitnet-b1.58", I2_S, lambda n: n // 4 + 32),
        "25": ("bitnet-25", I2_S, lambda n: n // 4 + 32),
        "tl1": ("bitnet", 38, lambda n: n // 4),
        "tl2": ("bitnet", 39, lambda n: n // 4),
    }
    for name, (architecture, kind, size) in cases.items():
        path = tmp_path / f"{name}.gguf"
        content = gguf([("t", [256, 2], kind, bytes(size(512)))], general__architecture=architecture)
        path.write_bytes(content)
        found = detect_model(path)
        assert found["model_type"] == "bitnet"
        assert len(found["obstacles"]) == 1, name


def test_next_logits_of_a_real_model(model: PyModel) -> None:
    logits = model.next_logits("The capital of France is")
    assert len(logits) == model.vocab_size
    best = max(range(len(logits)), key=logits.__getitem__)
    assert model.detokenize([best]) == model.generate("The capital of France is", max_tokens=1, temperature=0).text
