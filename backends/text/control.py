"""What a generation and those who watch it tell each other, from different threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from backends.contract import FinishReason, GenerationCancelled, Progress


class Slots:
    """At most so many generations at once; the others wait for their turn."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    @contextmanager
    def one(self, control: Control) -> Iterator[None]:
        """Wait for a slot, and hold it while the context lasts.

        Raises:
            GenerationCancelled: it was cancelled while it waited.
        """
        while not self._free.acquire(timeout=0.05):
            control.check()
        try:
            control.begin()
            yield
        finally:
            self._free.release()


class Control:
    """One generation's state."""

    def __init__(self, prompt_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.finish: FinishReason = "stop"
        """Why it ends, should its source run dry: the source says ``length`` where the context is full."""
        self.stop_sequence: str | None = None
        """The one that ended it, where the source looks for them."""
        self._cancelled = threading.Event()
        self._interrupt: Callable[[], None] | None = None
        self._queued = True
        self._done = 0
        self._beats = itertools.count(1)
        self._beat = 0

    def begin(self) -> None:
        """Its turn has come."""
        self._queued = False
        self.check()

    def check(self) -> None:
        """End here if it was cancelled; and show that it is alive.

        Raises:
            GenerationCancelled
        """
        self._beat = next(self._beats)
        if self._cancelled.is_set():
            raise GenerationCancelled

    def evaluated(self, tokens: int) -> None:
        """So many tokens of the prompt are done."""
        self._done = min(tokens, self.prompt_tokens)
        self.check()

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """``interrupt`` ends the native call that goes on in this context, from another thread."""
        self._interrupt = interrupt
        try:
            self.check()
            yield
        finally:
            self._interrupt = None

    def cancel(self) -> None:
        """From any thread."""
        self._cancelled.set()
        interrupt = self._interrupt
        if interrupt is not None:
            with suppress(RuntimeError):  # it ended by itself meanwhile
                interrupt()

    @property
    def progress(self) -> Progress:
        """How far it is; from any thread."""
        return Progress(self._queued, self._done, self.prompt_tokens, self._beat)
