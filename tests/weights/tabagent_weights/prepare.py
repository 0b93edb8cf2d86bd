"""Models made ahead of their use."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def prepare(models: Iterable[tuple[str, Callable[[], Path]]]) -> None:
    """Make the models that the cache lacks, and print the path of each and the seconds that making it took.

    Args:
        models: For each model, the name to print and the function that makes the model and returns its path.
    """
    for name, make in models:
        started = time.monotonic()
        path = make()
        sys.stdout.write(f"{name}: {path} ({time.monotonic() - started:.1f} s)\n")
