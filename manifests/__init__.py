"""What native messaging needs to know, as data: browsers, the host's name, the extensions that may call it.

The JSON files beside this module are the source; it only gives them types. The host process imports it at every
start to check its caller, so it imports nothing but small parts of the standard library and reads one file per call.

- ``browsers.json``: per browser and system, where it keeps its configuration and looks for host manifests.
  ``$HOME`` and ``$XDG_CONFIG_HOME`` stand for the user's directories. Sources: Chrome's and MDN's documents on native
  messaging, KeePassXC's and Bitwarden's installers.
- ``chromium.json``, ``firefox.json``: host manifests with ``%%name%%`` values to replace.
- ``host.json``, ``extensions.json``: the host's name, and the ids of our own extension.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Browser", "Extensions", "Host", "Kind", "Location", "System", "browsers", "extensions", "host", "template"]

Kind = Literal["chromium", "firefox"]
System = Literal["linux", "macos", "windows"]


@dataclass(frozen=True, slots=True)
class Location:
    """Where one browser keeps things on one system; paths start with ``$HOME`` or ``$XDG_CONFIG_HOME``."""

    config_dirs: tuple[str, ...] = ()
    """Any of them proves that the user has this browser."""
    hosts_dir: str | None = None
    """Where the browser looks for the user's host manifests; None where it asks the registry instead."""
    registry_keys: tuple[str, ...] = ()
    """Keys under HKEY_CURRENT_USER that hold one subkey per host."""
    sandbox_dirs: tuple[str, ...] = ()
    """Left by a Flatpak or Snap of this browser, whose sandbox may not let it start our host."""


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser of the table."""

    id: str
    name: str
    kind: Kind
    locations: Mapping[System, Location]


@dataclass(frozen=True, slots=True)
class Host:
    """The native messaging host as browsers see it."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Extensions:
    """Ids of our own extension; each store gives another."""

    chromium: tuple[str, ...]
    firefox: tuple[str, ...]


def browsers() -> tuple[Browser, ...]:
    """Every browser we know, in the order in which to show them."""
    return tuple(
        Browser(
            id=row["id"],
            name=row["name"],
            kind=row["kind"],
            locations={system: _location(columns) for system, columns in row["locations"].items()},
        )
        for row in _read("browsers.json")
    )


def host() -> Host:
    """The host's name and description."""
    return Host(**_read("host.json"))


def extensions() -> Extensions:
    """The extensions that may always call the host."""
    row = _read("extensions.json")
    return Extensions(chromium=tuple(row["chromium"]), firefox=tuple(row["firefox"]))


def template(kind: Kind) -> dict[str, str]:
    """The host manifest of one kind of browser, values still to be replaced."""
    values: dict[str, str] = _read(f"{kind}.json")
    return values


def _location(row: dict[str, Any]) -> Location:
    return Location(
        config_dirs=tuple(row.get("config_dirs", ())),
        hosts_dir=row.get("hosts_dir"),
        registry_keys=tuple(row.get("registry_keys", ())),
        sandbox_dirs=tuple(row.get("sandbox_dirs", ())),
    )


def _read(name: str) -> Any:
    """The shape of our own files is not checked here; tests hold them to it."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
