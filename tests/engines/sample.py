"""What the contract suite needs of an engine: a model to try it on. ``samples/ENGINE.py`` has ``SAMPLES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A model for an engine. ``make`` gives its path, building it where it must; ``actions`` is what it must serve.

    ``infer`` are inputs for that action; ``answers``: whether it is real enough to know the capital of France.
    """

    name: str
    make: Callable[[], Path]
    actions: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    infer: Callable[[], Mapping[str, Any]] | None = None
    answers: bool = False
