"""Row T12: a graph that was tampered with is refused, or its worker dies, or it loads; host and broker live on.

LiteRT does not verify what it reads ("models are programs"), so a mutant may well kill its worker.
"""

from __future__ import annotations

import base64
import io
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tabagent_harness import HostProcess
from tabagent_weights import mediapipe
from tests.support import Installation, few_or_many

FINE = {"done", "engine_crashed", "load_failed", "model_corrupt", "out_of_memory", "insufficient_memory"}
FINE |= {"unsupported_format", "unsupported_task", "generation_failed", "bad_param", "engine_timeout", "too_large"}
NASTY = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)
SETTINGS = {"generation_stall_s": 10, "load_stall_s": 20}


def flipped(model: bytes, chance: random.Random) -> bytes:
    """Bits, numbers and pieces changed: half of them in the tables at the end, half anywhere."""
    mutant = bytearray(model)
    for _ in range(chance.randint(1, 4)):
        begin = chance.choice((0, len(model) * 9 // 10))
        at = chance.randrange(begin, len(model) - 64)
        match chance.randrange(3):
            case 0:
                mutant[at] ^= 1 << chance.randrange(8)
            case 1:
                mutant[at : at + 4] = struct.pack("<I", chance.choice(NASTY))
            case _:
                source = chance.randrange(len(model) - 64)
                length = chance.randrange(1, 64)
                mutant[at : at + length] = model[source : source + length]
    return bytes(mutant)


def truncated(model: bytes, chance: random.Random) -> bytes:
    """Cut somewhere."""
    return model[: chance.randrange(9, len(model))]


def misnamed(model: bytes, chance: random.Random) -> bytes:
    """Another identifier, or another root."""
    if chance.randrange(2):
        return model[:4] + bytes(chance.randrange(256) for _ in range(4)) + model[8:]
    return struct.pack("<I", chance.randrange(2**32)) + model[4:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, flipped, flipped, truncated, misnamed)


def picture() -> dict[str, Any]:
    """What the tasks of vision take."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 100, 50)).save(out, "PNG")
    return {"image": base64.b64encode(out.getvalue()).decode()}


def try_it(host: HostProcess, path: Path, engine: str, inputs: dict[str, Any]) -> str:
    """How a mutant ends: where it loads, it is also run."""
    last = host.result("load_model", model=str(path), engine=engine)
    if last["event"] == "done":
        last = host.result("infer", model=str(path), engine=engine, inputs=inputs)
        host.result("unload_model", model=str(path))
    return str(last["error"]["code"]) if last["event"] == "error" else "done"


@pytest.mark.parametrize("engine", ["litert", "mediapipe"])
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutants", few_or_many(6, 500))
def test_t12_tampered_graphs(install: Callable[..., Installation], engine: str, mutants: int) -> None:
    tabagent = install(**SETTINGS)
    source = mediapipe.face_detector()
    inputs = picture() if engine == "mediapipe" else {"tensors": {"input": [[[[0.5] * 3] * 128] * 128]}}
    original = source.read_bytes()
    path = tabagent.models / source.name
    outcomes: Counter[str] = Counter()
    with tabagent.host() as host:
        broker = host.result("status")["result"]["pid"]
        for seed in range(mutants):
            chance = random.Random(seed)
            path.write_bytes(MUTATIONS[seed % len(MUTATIONS)](original, chance))
            outcomes[try_it(host, path, engine, inputs)] += 1
        print(engine, dict(outcomes))  # noqa: T201  # the figures of a long run
        assert set(outcomes) <= FINE, outcomes
        assert host.result("status")["result"]["pid"] == broker
        path.write_bytes(original)
        assert try_it(host, path, engine, inputs) == "done"
