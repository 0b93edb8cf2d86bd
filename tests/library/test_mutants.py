"""Row T2: a model whose header was tampered with is refused, or its worker dies, or it loads; the host lives on."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabagent_harness import HostProcess
from tests.support import MODEL, Installation, few_or_many

FINE = {"model_corrupt", "load_failed", "unsupported_architecture", "unsupported_format", "unsupported_task"}
FINE |= {"insufficient_memory", "engine_crashed", "out_of_memory", "template_error"}
NASTY = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)


def mutations(header: bytes, seed: int) -> Iterator[tuple[int, bytes]]:
    """One to three changes: where, and what then stands there."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(4, len(header) - 8)
        match chance.randrange(4):
            case 0:
                yield at, bytes([chance.randrange(256)])
            case 1:
                yield at, struct.pack("<Q", chance.choice(NASTY))
            case 2:
                yield at, struct.pack("<I", chance.choice(NASTY) % 2**32)
            case _:
                begin = chance.randrange(4, len(header) - 64)
                yield at, header[begin : begin + chance.randrange(1, 64)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutants", few_or_many(20, 1000))
def test_t2_tampered_headers(tabagent: Installation, mutants: int) -> None:
    with tabagent.host() as host:
        source = Path(host.result("detect_model", model=MODEL)["result"]["path"])
        path = tabagent.models / "mutant.gguf"
        original = source.read_bytes()
        path.write_bytes(original)
        # Keys and tensor entries; the vocabulary between them is most of the header.
        header = original[:3000]
        broker = host.result("status")["result"]["pid"]
        codes: dict[str, int] = {}
        for seed in range(mutants):
            with path.open("r+b") as file:
                file.write(original[:4096])
                for at, change in mutations(header, seed):
                    file.seek(at)
                    file.write(change)
            outcome = load(host)
            codes[outcome] = codes.get(outcome, 0) + 1
        assert set(codes) <= FINE | {"done"}, codes
        assert host.result("status")["result"]["pid"] == broker
        assert host.result("load_model", model=MODEL)["event"] == "done"


def load(host: HostProcess) -> str:
    last = host.result("load_model", model="mutant", options={"context_length": 512})
    if last["event"] == "done":
        host.result("generate", model="mutant", prompt="Hello", options={"max_tokens": 2})
        host.result("unload_model", model="mutant")
    return str(last["error"]["code"]) if last["event"] == "error" else "done"
