"""Progress of a library that loads a model without reporting any, measured by the memory that this process holds.

Growth counts as progress, so a load that only grows would never be stalled. It ends its process at a limit instead.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from backends.contract import LoadProgress
from backends.out_of_memory import EXCEEDED

EVERY_S = 0.5
MOST_TIMES = 8
"""Weights of four bits that a library writes out as float32."""
SPARE_BYTES = 4 * 2**30
"""Libraries, graphs and buffers beside the weights."""


class ResidentProgress:
    """A context manager around such a load. Where nothing grows, nothing is said: then the load is stuck."""

    def __init__(self, expected_bytes: int, report: LoadProgress) -> None:
        self._expected = max(1, expected_bytes)
        self._report = report
        self._before = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load progress", daemon=True)

    def __enter__(self) -> Self:
        self._report(0.0)
        self._before = _resident_pages()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            self._report(1.0)

    def _run(self) -> None:
        most = self._before
        while not self._over.wait(EVERY_S):
            now = _resident_pages()
            if now > most:
                most = now
                taken_bytes = (now - self._before) * 4096
                self._end_process_beyond(taken_bytes)
                self._report(min(0.99, taken_bytes / self._expected))

    def _end_process_beyond(self, taken_bytes: int) -> None:
        """Abort where the load has taken more than weights of this size can need: native code cannot be interrupted."""
        if taken_bytes > MOST_TIMES * self._expected + SPARE_BYTES:
            taken, expected = taken_bytes / 2**20, self._expected / 2**20
            sys.stderr.write(f"{EXCEEDED} {taken:,.0f} MiB for weights of {expected:,.0f} MiB\n")
            sys.stderr.flush()
            os.abort()


def _resident_pages() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
