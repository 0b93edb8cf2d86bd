"""The fake hub as a process, for tests that are not in Python: ``python -m tests.fake_hub_server``.

Serves three models so slowly that a person could watch, prints its address as a line of JSON (``{"url": …}``), and ends
with its standard input.
"""

from __future__ import annotations

import json
import random
import sys

from tests.fake_hub import FakeHub, Fault, Repository
from tests.made_models import gguf

MEGABYTE = 1_000_000


def model(size: int, seed: int, **values: object) -> bytes:
    """A GGUF of about ``size`` bytes that a reader finds sound."""
    weights = random.Random(seed).randbytes(size // 4 * 4)
    return gguf([(f"t{seed}", [size // 4], 0, weights)], **values)


def serve(hub: FakeHub) -> None:
    """Put the models up: one that comes in seconds, one that takes its time, and one of two files."""
    architecture: dict[str, object] = {"general__architecture": "chaos"}
    files = {
        "org/tiny-GGUF": {"tiny-Q4_0.gguf": model(3 * MEGABYTE, 1, **architecture)},
        "org/slow-GGUF": {"slow-Q4_0.gguf": model(8 * MEGABYTE, 2, **architecture)},
        "org/parts-GGUF": {
            "parts-Q8_0-00001-of-00002.gguf": model(MEGABYTE, 3, split__no=0, split__count=2, **architecture),
            "parts-Q8_0-00002-of-00002.gguf": model(2 * MEGABYTE, 4, split__no=1, split__count=2),
        },
    }
    for name, contents in files.items():
        hub.repositories[name] = Repository(contents)
        for file in contents:
            hub.faults[file] = Fault(delay_s=0.1)


def main() -> None:
    """Serve until standard input ends."""
    with FakeHub() as hub:
        serve(hub)
        sys.stdout.write(json.dumps({"url": hub.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
