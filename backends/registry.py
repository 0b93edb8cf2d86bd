"""Which engines there are: entry points of the group ``tabagent.backends``, ours and anyone's.

[project.entry-points."tabagent.backends"]
my_engine = "my_package:DESCRIPTOR"
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from backends.contract import EngineDescriptor

GROUP = "tabagent.backends"


@cache
def descriptors() -> tuple[EngineDescriptor, ...]:
    """Every engine, those in Rust first, then by name.

    Raises:
        TypeError: an entry point is not a descriptor, or does not carry its own name.
    """
    found = []
    for entry in entry_points(group=GROUP):
        descriptor = entry.load()
        if not isinstance(descriptor, EngineDescriptor) or descriptor.name != entry.name:
            raise TypeError(f"entry point {entry.name} = {entry.value} is not the descriptor of {entry.name!r}")
        found.append(descriptor)
    return tuple(sorted(found, key=lambda engine: (engine.language != "rust", engine.name)))


def is_available(engine: EngineDescriptor) -> bool:
    """Whether the modules that it requires are installed. Does not import them."""
    return all(importlib.util.find_spec(module) is not None for module in engine.requires)


def resolve(reference: str) -> Any:
    """The object that ``"module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
