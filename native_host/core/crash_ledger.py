"""How often each model killed its engine, and what follows: wait a little, then longer, then no more.

After the first crash a model may start again at once, after the second in 1 s, then in 5 s. More than 3 crashes within
5 minutes put it in quarantine until the user loads it explicitly (the rule VS Code has for its extension host).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 300.0
QUARANTINE_ABOVE = 3
BACK_OFF_S = (0.0, 0.0, 1.0, 5.0)


class CrashLedger:
    """Crash times per model, on a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: dict[str, deque[float]] = {}

    def record(self, key: str) -> None:
        """The model's engine died."""
        self._recent(key).append(self._clock())

    def is_quarantined(self, key: str) -> bool:
        """Whether it may not be started without the user's word."""
        return len(self._recent(key)) > QUARANTINE_ABOVE

    def delay_s(self, key: str) -> float:
        """Seconds to wait before starting it again."""
        crashes = self._recent(key)
        if not crashes:
            return 0.0
        pause = BACK_OFF_S[min(len(crashes), len(BACK_OFF_S) - 1)]
        return max(0.0, crashes[-1] + pause - self._clock())

    def forgive(self, key: str) -> None:
        """The user asked for it again."""
        self._crashes.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        crashes = self._crashes.setdefault(key, deque())
        while crashes and crashes[0] < self._clock() - WINDOW_S:
            crashes.popleft()
        return crashes
