"""Tells how far a library is that loads a model without saying so: by what this process has come to hold in memory."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from backends.contract import LoadProgress

EVERY_S = 0.5


class ResidentProgress:
    """A context manager around such a load. Where nothing grows, nothing is said: then the load is stuck."""

    def __init__(self, expected_bytes: int, report: LoadProgress) -> None:
        self._expected = max(1, expected_bytes)
        self._report = report
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load progress", daemon=True)

    def __enter__(self) -> Self:
        self._report(0.0)
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
        before = most = _resident_pages()
        while not self._over.wait(EVERY_S):
            now = _resident_pages()
            if now > most:
                most = now
                self._report(min(0.99, (now - before) * 4096 / self._expected))


def _resident_pages() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
