"""Tells the broker, until the first token is there, that a request waits or how far its prompt is evaluated.

Silence means that the engine is stuck, so nothing is said unless it works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from backends.contract import Progress, TextStream

FIRST_AFTER_S = 0.25
EVERY_S = 1.0


class ProgressReporter:
    """A context manager around a stream's iteration."""

    def __init__(self, stream: TextStream, report: Callable[[str, int, int, str], None]) -> None:
        self._stream = stream
        self._report = report
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.first_token_seen()

    def first_token_seen(self) -> None:
        """Nothing is left to report."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()

    def _run(self) -> None:
        last: Progress | None = None
        delay = FIRST_AFTER_S
        while not self._over.wait(delay):
            progress = self._stream.progress
            if progress.activity is None or progress != last:
                if progress.queued:
                    self._report("queued", 0, 1, "requests")
                else:
                    self._report("prefill", progress.done, progress.total, "tokens")
            last, delay = progress, EVERY_S
