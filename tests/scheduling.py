"""Spread tests over pytest-xdist's processes: tests that share a fixture stay in one process.

pytest-xdist 3.8 has marks for this (``--dist loadgroup``), which pytest 9.2 makes ineffective: it keeps a test's id in
another attribute than the one that the marks are written to.
"""

from __future__ import annotations

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling

_SAMPLE = re.compile(r"tests/engines/test_(?:answers|contract|long_texts|strict)\.py::[^\[]+\[([^\]-]+-[^\]-]+)")


class Scheduling(LoadScopeScheduling):
    """One process per module, and per sample of an engine: a module's tests share a broker, a sample's a model."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return the name of the group that a test belongs to."""
    sample = _SAMPLE.match(nodeid)
    return sample[1] if sample else nodeid.partition("::")[0]


def scheduler(config: Any, log: Any) -> Scheduling:
    """Return the scheduler for a run in several processes."""
    return Scheduling(config, log)
