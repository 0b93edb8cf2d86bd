"""Bars for ``progress`` events, on standard error and only for a person."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from native_host.cli.terminal import Terminal
from native_host.cli.words import duration, plain, size


class ProgressBars:
    """A bar for each stage; all vanish when what they announce begins, or at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}

    def show(self, event: dict[str, Any]) -> None:
        """Draw what a ``progress`` event says."""
        if not self._terminal.shows_progress:
            return
        if self._progress is None:
            columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=28), _Amount(), _Rate()
            self._progress = Progress(*columns, console=self._terminal.err, transient=True)
            self._progress.start()
        stage = event["stage"]
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage)
        what = plain(event.get("file") or event.get("engine") or "")
        self._progress.update(
            self._bars[stage],
            completed=event["done"],
            total=event["total"] or None,
            description=f"{stage} {what}".rstrip(),
            event=event,
        )

    def hide(self) -> None:
        """Leave the lines to the answer."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._bars.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()


class _Amount(ProgressColumn):
    """How much of how much, in the event's unit."""

    def render(self, task: Task) -> Text:
        event = task.fields.get("event")
        if event is None:
            return Text()
        done, total = event["done"], event["total"]
        if event["unit"] == "bytes":
            return Text(f"{size(done)} / {size(total)}" if total else size(done))
        return Text(f"{done:,} / {total:,} {event['unit']}" if total else f"{done:,} {event['unit']}")


class _Rate(ProgressColumn):
    """A download's rate and the time it still takes, as the broker tells them."""

    def render(self, task: Task) -> Text:
        event = task.fields.get("event") or {}
        rate, left = event.get("bytes_per_second"), event.get("seconds_left")
        parts = [f"{size(rate)}/s"] if rate else []
        parts += [f"{duration(left)} left"] if left is not None else []
        return Text("  ".join(parts), style="dim")
