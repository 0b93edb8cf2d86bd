"""Where a host manifest goes: a pure function of the browsers table, the system and the user's directories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import manifests
from installer.errors import UnsupportedPlatform
from installer.paths import InstallPaths
from manifests import Browser, Kind, System

_PROFILE_HOSTS_DIR = "NativeMessagingHosts"


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a browser looks for our manifest."""

    browser: str | None
    """Id in the browsers table; None for a profile directory that the user named."""
    name: str
    kind: Kind
    manifest_path: Path
    config_dirs: tuple[Path, ...] = ()
    sandbox_dirs: tuple[Path, ...] = ()


def browser_place(browser: Browser, system: System, paths: InstallPaths) -> Place:
    """Where ``browser`` looks on ``system``.

    Raises:
        UnsupportedPlatform: the table has no folder for it there.
    """
    location = browser.locations.get(system)
    if location is None or location.hosts_dir is None:
        raise UnsupportedPlatform(system)
    return Place(
        browser=browser.id,
        name=browser.name,
        kind=browser.kind,
        manifest_path=_expand(location.hosts_dir, paths) / manifest_name(),
        config_dirs=tuple(_expand(text, paths) for text in location.config_dirs),
        sandbox_dirs=tuple(_expand(text, paths) for text in location.sandbox_dirs),
    )


def profile_place(directory: Path) -> Place:
    """Where a Chromium looks that was started with ``--user-data-dir=directory``."""
    return Place(
        browser=None,
        name=f"profile {directory}",
        kind="chromium",
        manifest_path=directory / _PROFILE_HOSTS_DIR / manifest_name(),
        config_dirs=(directory,),
    )


def manifest_name() -> str:
    """The manifest's file name, which browsers derive from the host's name."""
    return f"{manifests.host().name}.json"


def _expand(text: str, paths: InstallPaths) -> Path:
    root, _, rest = text.partition("/")
    return {"$HOME": paths.home, "$XDG_CONFIG_HOME": paths.config_home}[root] / rest
