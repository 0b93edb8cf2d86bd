"""Something that generates, as its client sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from benchmarks.workload import DECODE_TOKENS, Answer, Round, prompt


class Contender(Protocol):
    """One way to run the model."""

    name: str

    def start(self) -> None:
        """Load the model."""

    def ask(self, text: str, max_tokens: int) -> Answer:
        """Generate, greedily."""

    def pids(self) -> Iterable[int]:
        """The processes it consists of."""

    def stop(self) -> None:
        """End them."""


def start(contender: Contender) -> float:
    """Seconds until it has answered for the first time."""
    began = time.perf_counter()
    contender.start()
    contender.ask("Hello", 1)
    return time.perf_counter() - began


def play(contender: Contender, number: int) -> Round:
    """One round."""
    text = prompt(number)
    reading = contender.ask(text, 1)
    writing = contender.ask(text, DECODE_TOKENS)
    return Round(prefill=reading.prompt_tokens / reading.first_token_s, decode=writing.decode_rate)


def memory_bytes(contender: Contender) -> int:
    """Proportional set size of its processes: shared pages counted once."""
    return sum(_pss(pid) for pid in contender.pids())


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
