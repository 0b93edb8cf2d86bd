"""Progress of llama.cpp's build, which cargo runs without showing a line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY_S = 5.0
_STEP_PERCENT = 5


class CMakeProgress:
    """Context manager that reports percentages while CMake builds llama-cpp-sys-2.

    CMake's Makefiles leave one file per finished step in ``CMakeFiles/Progress``, and their number in ``count.txt``.
    Other generators leave none: nothing is reported then.

    Args:
        target: Cargo's target folder.
        report: Called with a percentage from another thread, each time it grew by 5.
    """

    def __init__(self, target: Path, report: Callable[[int], None]) -> None:
        self._target = target
        self._report = report
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        reported = 0
        while not self._ended.wait(_EVERY_S):
            percent = self._percent()
            if percent >= reported + _STEP_PERCENT:
                reported = percent
                self._report(percent)

    def _percent(self) -> int:
        for folder in self._target.glob("release/build/llama-cpp-sys-2-*/out/build/CMakeFiles/Progress"):
            try:
                total = int((folder / "count.txt").read_text(encoding="ascii"))
                done = sum(1 for _ in folder.iterdir()) - 1
            except (OSError, ValueError):
                continue
            return 100 * done // max(1, total)
        return 0
