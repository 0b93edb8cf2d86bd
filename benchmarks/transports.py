"""What the way to the model costs: in process, by native messaging and over HTTP, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contender import Contender, start
from benchmarks.http_chain import HttpChain
from benchmarks.in_process import InProcess
from benchmarks.tables import ratio, table
from benchmarks.whole_chain import WholeChain
from benchmarks.workload import DECODE_TOKENS, prompt

EACH_TOKEN = "an event for each token"  # noqa: S105  # no password
HEADS = (
    "",
    "first token, new page",
    "ratio",
    "first token, page known",
    "ratio",
    "time per token",
    "ratio",
    "overhead per token",
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Seconds."""

    first_new: float
    first_known: float
    per_token: float


def measure(model: Path, rounds: int) -> None:
    """Print the table. Ratios and overheads are taken within a round, with in process."""
    rivals: list[Contender] = [
        InProcess(model),
        WholeChain("native messaging"),
        HttpChain("HTTP"),
        WholeChain(f"native messaging, {EACH_TOKEN}", coalesce_ms=0),
        HttpChain(f"HTTP, {EACH_TOKEN}", coalesce_ms=0),
    ]
    played: list[list[_Turn]] = [[] for _ in rivals]
    with ExitStack() as stack:
        for rival in rivals:
            stack.callback(rival.stop)
            start(rival)
        for number in range(rounds + 1):
            for rival, turns in zip(rivals, played, strict=True):
                turns.append(_play(rival, prompt(number)))
    counted = [turns[1:] for turns in played]  # the first round warms up
    table(HEADS, [_row(rival.name, turns, counted[0]) for rival, turns in zip(rivals, counted, strict=True)])


def _play(rival: Contender, text: str) -> _Turn:
    new = rival.ask(text, 1)
    known = rival.ask(text, DECODE_TOKENS)
    return _Turn(new.first_token_s, known.first_token_s, 1 / known.decode_rate)


def _row(name: str, ours: Sequence[_Turn], reference: Sequence[_Turn]) -> tuple[str, ...]:
    cells = [name]
    figures: list[Callable[[_Turn], float]] = [
        lambda turn: turn.first_new,
        lambda turn: turn.first_known,
        lambda turn: turn.per_token,
    ]
    for figure in figures:
        seconds = [figure(turn) for turn in ours]
        cells += [f"{median(seconds) * 1e3:.2f} ms", ratio(seconds, [figure(turn) for turn in reference])]
    added = [(one.per_token - other.per_token) * 1e6 for one, other in zip(ours, reference, strict=True)]
    return (*cells, f"{median(added):.0f} µs ({min(added):.0f} to {max(added):.0f})")
