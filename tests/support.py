"""What tests build on: a TabAgent of their own (every directory in a temporary folder), and a look at processes.

In CI (``CI=true``) something that is missing is a failure; in a developer's run it is a reported skip.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tabagent_harness.installation
from tabagent_chaos import chaos_file
from tabagent_harness.processes import Process, processes

__all__ = [
    "MODEL",
    "Installation",
    "Process",
    "best_of",
    "eventually",
    "few_or_many",
    "missing",
    "named",
    "peak_rss",
    "processes",
    "seeds",
]

IN_CI = os.environ.get("CI") == "true"
MODEL = "smollm2-135m"


def few_or_many(few: int, many: int) -> list[Any]:
    """Return a parameter's values for a test of that many inputs: few in ``make test``, many in ``make test-long``."""
    return [pytest.param(few, id=f"{few}"), pytest.param(many, id=f"{many}", marks=pytest.mark.long)]


def seeds(few: int, many: int) -> list[Any]:
    """Return a parameter's values for a test of one seed each: the first few, and the rest in ``make test-long``."""
    return [*range(few), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(few, many))]


def best_of(measure: Callable[[], float], limit: float) -> float:
    """Return the first measurement below the limit, or the least of all.

    For times that the product promises, on a machine that runs other tests beside. A delay that the product causes
    comes back each time; one that a neighbour causes, such as the start of a large engine, ends within the pauses.
    """
    least = float("inf")
    for pause_s in (0, 1, 4, 10):
        time.sleep(pause_s)
        least = min(least, measure())
        if least < limit:
            break
    return least


def missing(what: str) -> None:
    """Something that a test needs is not here."""
    if IN_CI:
        pytest.fail(f"missing in CI: {what}")
    pytest.skip(f"missing: {what}")


class Installation(tabagent_harness.installation.Installation):
    """A TabAgent with its own directories, for which tests can make models of the chaos engine."""

    def chaos_model(self, name: str = "chaos", **order: Any) -> dict[str, str]:
        """A model for the chaos engine that behaves so while loading, as the fields of a request."""
        (self.models / f"{name}.gguf").write_bytes(chaos_file(order))
        return {"model": name, "engine": "chaos"}


def eventually(condition: Callable[[], Any], timeout_s: float = 30.0, every_s: float = 0.02) -> Any:
    """The condition's value once it is true; fails when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {timeout_s} s: {condition}")
        time.sleep(every_s)
    return value


def peak_rss(pid: int) -> int:
    """Return the most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def named(tabagent: Installation, command: str) -> Process:
    """Return the one process of an installation whose command line has ``command`` in it."""
    runtime = tabagent.environ["TABAGENT_RUNTIME_DIR"]
    ours = [process for process in processes() if process.environ.get("TABAGENT_RUNTIME_DIR") == runtime]
    (process,) = [process for process in ours if command in process.command]
    return process
