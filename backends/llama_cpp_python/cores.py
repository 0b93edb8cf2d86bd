"""How many threads compute: the Rust wheel, which knows better, cannot be in one process with this engine."""

from __future__ import annotations

import os
from pathlib import Path

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def physical_cores() -> int:
    """Cores that this process may use; those of one core that look like several count once, where that is known."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_core(number) for number in os.sched_getaffinity(0)})


def _core(number: int) -> str:
    try:
        return Path(_SIBLINGS.format(number)).read_text(encoding="ascii")
    except OSError:
        return str(number)
