"""What the contract suite needs of an engine: a model to try it on. ``samples/ENGINE.py`` has ``SAMPLES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A model for an engine.

    Attributes:
        name: Name of the sample, unique for the engine.
        make: Returns the path of the model; makes the model if the cache lacks it.
        actions: Actions that the engine must serve with it.
        options: Options of ``load_model``.
        settings: Settings of the installation.
        infer: Returns inputs for the action ``infer``.
    """

    name: str
    make: Callable[[], Path]
    actions: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    infer: Callable[[], Mapping[str, Any]] | None = None
