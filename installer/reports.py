"""What install, uninstall and status tell: frozen records, and their form as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path

from installer.manifest import ManifestState

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class Outcome(StrEnum):
    """What installing did to one file."""

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    """Another program's file stood there; it is kept beside ours until uninstall puts it back."""


@dataclass(frozen=True, slots=True)
class InstalledManifest:
    """One browser or profile directory after installing."""

    browser: str | None
    """Id in the browsers table; None for a profile directory."""
    name: str
    manifest_path: Path
    outcome: Outcome
    backup: Path | None


@dataclass(frozen=True, slots=True)
class InstallReport:
    """The state after ``install``. ``changed`` is false if everything was there already."""

    changed: bool
    manifests: tuple[InstalledManifest, ...]
    launcher: Path
    launcher_outcome: Outcome
    receipt: Path
    extension_ids: tuple[str, ...]
    """Ids allowed beside the built-in ones."""


@dataclass(frozen=True, slots=True)
class UninstallReport:
    """What ``uninstall`` did. All empty if nothing was installed."""

    removed: tuple[Path, ...]
    restored: tuple[Path, ...]
    """Files of other programs that are back in their place."""
    kept: tuple[Path, ...]
    """Files that are no longer what we wrote, left for the user to judge; the receipt forgets them."""
    directories: tuple[Path, ...]
    """Directories of ours that were empty and are gone."""


@dataclass(frozen=True, slots=True)
class BrowserStatus:
    """One browser or profile directory."""

    browser: str | None
    name: str
    found: bool
    sandboxed: bool
    """A Flatpak or Snap of this browser is there, whose sandbox may not let it start our host."""
    state: ManifestState
    manifest_path: Path
    host_path: Path | None
    """What the manifest starts, if it can be read."""
    extension_ids: tuple[str, ...]
    """Who may call it, if it can be read."""
    problem: str | None
    """A sentence for the user; None if there is nothing to say."""


@dataclass(frozen=True, slots=True)
class LauncherStatus:
    """The script that browsers start."""

    path: Path
    exists: bool
    executable: bool
    current: bool
    """Whether ``install`` would leave it as it is."""
    interpreter: Path | None
    interpreter_exists: bool
    elsewhere: bool
    """Whether it starts a Python that is there and not ours: another installation serves, and all browsers with it."""
    problem: str | None
    """Why it must not be started: another user could change it or what it starts. None if no other user can."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that decides whether browsers can start the host."""

    ready: bool
    """The launcher works, some browser has our manifest, and none that was found has anything but our current one."""
    browsers: tuple[BrowserStatus, ...]
    launcher: LauncherStatus
    extension_ids: tuple[str, ...]
    """Ids allowed beside the built-in ones."""


def as_json(value: object) -> Json:
    """A report as JSON values; field names are kept, paths become strings.

    Raises:
        TypeError: the value is no part of a report.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Path | StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} is no part of a report")
