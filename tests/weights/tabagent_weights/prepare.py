"""Models made ahead of their use."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 2
"""Models made side by side. Each is made by a process that keeps one processor busy most of its time."""


def prepare(models: Iterable[tuple[str, Callable[[], Path]]]) -> None:
    """Make the models that the cache lacks, and print the path of each and the seconds that making it took.

    Args:
        models: For each model, the name to print and the function that makes the model and returns its path.
    """

    def one(model: tuple[str, Callable[[], Path]]) -> str:
        name, make = model
        started = time.monotonic()
        path = make()
        return f"{name}: {path} ({time.monotonic() - started:.1f} s)\n"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in pool.map(one, models):
            sys.stdout.write(line)
            sys.stdout.flush()
