"""What llama.cpp says: warnings and errors to our log, and its last words for error messages."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any

import llama_cpp

log = logging.getLogger(__name__)

KEPT_LINES = 200
_LEVELS = {3: logging.WARNING, 4: logging.ERROR}
"""ggml's that are worth a line."""


class Log:
    """Takes over llama.cpp's log, which is one for the process."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._of_thread = threading.local()
        self._callback = llama_cpp.llama_log_callback(self._receive)
        llama_cpp.llama_log_set(self._callback, None)

    def expect_complaints(self, *, expected: bool) -> None:
        """Whether this thread's are of no interest: llama.cpp complains of what we interrupt ourselves."""
        self._of_thread.is_quiet = expected

    def forget(self) -> None:
        """What was said before is of no interest."""
        self._lines.clear()

    def search(self, words: str) -> str:
        """The line with these words, or nothing."""
        return next((line for line in self._lines if words in line), "")

    def last_words(self) -> str:
        """Why something failed, as far as llama.cpp tells."""
        return "; ".join(list(self._lines)[-3:]) or "llama.cpp gave no reason"

    def _receive(self, level: int, text: bytes, _: Any) -> None:
        line = text.decode(errors="replace").strip()
        if level in _LEVELS and line and not getattr(self._of_thread, "is_quiet", False):
            self._lines.append(line[:500])
            log.log(_LEVELS[level], "%s", line)
