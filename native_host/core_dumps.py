"""Core files are forbidden: the memory of every process holds prompts and answers."""

from __future__ import annotations

import resource


def disable_core_dumps() -> None:
    """Let neither this process nor its children write a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
