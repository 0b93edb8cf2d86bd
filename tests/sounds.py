"""Sounds made number by number."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence


def wav(samples: Sequence[float], rate: int = 16_000, bits: int = 16, channels: int = 1, kind: int = 1) -> bytes:
    """A WAV file; ``samples`` between -1 and 1, channel by channel in turn. ``kind``: 1 for PCM, 3 for float."""
    match kind, bits:
        case 1, 8:
            data = bytes(int((it + 1) * 127.5) for it in samples)
        case 1, _:
            top = 2 ** (bits - 1) - 1
            data = b"".join(int(it * top).to_bytes(bits // 8, "little", signed=True) for it in samples)
        case _:
            data = struct.pack(f"<{len(samples)}{'f' if bits == 32 else 'd'}", *samples)
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def hum() -> str:
    """A second of 220 Hz in base64, at a rate that has to be changed."""
    return base64.b64encode(wav([math.sin(n / 44_100 * 220 * math.tau) for n in range(44_100)], 44_100)).decode()
