"""Small GGUF models of random ternary weights, in I2_S and as the floats they stand for."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.made_models import Tensor, gguf

EMBEDDING, FEED_FORWARD, LAYERS, HEADS = 256, 512, 2, 4
F32, I2_S = 0, 36


def vocabulary() -> dict[str, object]:
    """SentencePiece's, of single bytes."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return {
        "tokenizer__ggml__model": "llama",
        "tokenizer__ggml__tokens": tokens,
        "tokenizer__ggml__scores": [0.0] * len(tokens),
        "tokenizer__ggml__token_type": [2, 3, 3, *[6] * 256],
        "tokenizer__ggml__bos_token_id": 1,
        "tokenizer__ggml__eos_token_id": 2,
    }


def codes(chance: random.Random, count: int) -> list[int]:
    """0, 1, 2 for -1, 0, +1."""
    return chance.choices((0, 1, 2), k=count)


def pack_i2_s(weights: Sequence[int], scale: float) -> bytes:
    """Weight by weight, as the format is described."""
    packed = bytearray(len(weights) // 4)
    for index, code in enumerate(weights):
        block, within = divmod(index, 128)
        packed[32 * block + within % 32] |= code << (6 - 2 * (within // 32))
    return bytes(packed) + struct.pack("<f", scale) + bytes(28)


def floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def tensors(architecture: str, *, ternary: bool, seed: int = 7) -> Iterable[Tensor]:
    """A whole model; its projections ternary, or the same numbers as floats."""
    chance = random.Random(seed)
    tokens = 259
    yield "token_embd.weight", [EMBEDDING, tokens], F32, floats([chance.gauss(0, 1) for _ in range(EMBEDDING * tokens)])
    if architecture == "llama":  # the other one's embeddings serve twice
        output = [chance.gauss(0, 0.2) for _ in range(EMBEDDING * tokens)]
        yield "output.weight", [EMBEDDING, tokens], F32, floats(output)
    yield "output_norm.weight", [EMBEDDING], F32, floats([1.0] * EMBEDDING)
    for layer in range(LAYERS):
        norms = {"attn_norm": EMBEDDING, "ffn_norm": EMBEDDING}
        if architecture == "bitnet":
            norms |= {"attn_sub_norm": EMBEDDING, "ffn_sub_norm": FEED_FORWARD}
        for name, width in norms.items():
            yield f"blk.{layer}.{name}.weight", [width], F32, floats([1.0] * width)
        shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (EMBEDDING, EMBEDDING))
        shapes |= {"ffn_gate": (EMBEDDING, FEED_FORWARD), "ffn_up": (EMBEDDING, FEED_FORWARD)}
        shapes |= {"ffn_down": (FEED_FORWARD, EMBEDDING)}
        for name, (row, rows) in shapes.items():
            weights, scale = codes(chance, row * rows), chance.uniform(0.02, 0.08)
            scale = struct.unpack("<f", struct.pack("<f", scale))[0]
            content = pack_i2_s(weights, scale) if ternary else floats([(code - 1) * scale for code in weights])
            yield f"blk.{layer}.{name}.weight", [row, rows], I2_S if ternary else F32, content


def write(path: Path, architecture: str, *, ternary: bool) -> Path:
    sizes: dict[str, object] = {
        "general__architecture": architecture,
        "general__file_type": 40 if ternary else 0,
        f"{architecture}__context_length": 256,
        f"{architecture}__embedding_length": EMBEDDING,
        f"{architecture}__block_count": LAYERS,
        f"{architecture}__feed_forward_length": FEED_FORWARD,
        f"{architecture}__attention__head_count": HEADS,
        f"{architecture}__attention__layer_norm_rms_epsilon": 1e-5,
        f"{architecture}__rope__dimension_count": EMBEDDING // HEADS,
    }
    path.write_bytes(gguf(tensors(architecture, ternary=ternary), **sizes, **vocabulary()))
    return path
