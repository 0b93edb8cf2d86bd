"""Ends an answer before the first stop sequence in it, and never shows a part of one."""

from __future__ import annotations

from collections.abc import Sequence


class StopSequences:
    """Takes text as it comes and gives back what is certain to belong to the answer."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found: str | None = None
        """The stop sequence that came; nothing after it is of interest."""

    def push(self, text: str) -> str:
        """Text that can be shown now."""
        text = self._held + text
        starts = {stop: at for stop in self._stops if (at := text.find(stop)) >= 0}
        if starts:
            self.found, self._held = min(starts, key=starts.__getitem__), ""
            return text[: starts[self.found]]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """The longest end of ``text`` with which ``stop`` begins."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
