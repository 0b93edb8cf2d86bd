"""Which engines there are: entry points of the group ``tabagent.backends``, ours and anyone's.

[project.entry-points."tabagent.backends"]
my_engine = "my_package:DESCRIPTOR"
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points, packages_distributions
from importlib.metadata import version as version_of
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


@cache
def version(engine: EngineDescriptor) -> str:
    """Of what makes its speed: the distribution that registers it, and those of the modules that it requires.

    Looks through all that is installed, once: a fifth of a second.
    """
    registered = {entry.dist.name for entry in entry_points(group=GROUP, name=engine.name) if entry.dist}
    required = {name for module in engine.requires for name in _distributions().get(module, ())}
    return ", ".join(f"{name} {version_of(name)}" for name in sorted(registered | required))


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def resolve(reference: str) -> Any:
    """The object that ``"module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
