"""The directories an installation lives in. Whoever calls the installer decides them; nothing here is a global."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from installer.errors import UnusablePath


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """Where the user's things are. All three are absolute.

    Raises:
        UnusablePath: one is relative, or cannot be written as UTF-8, which JSON manifests need.
    """

    home: Path
    config_home: Path
    data_dir: Path

    def __post_init__(self) -> None:
        for field in fields(self):
            require_usable(getattr(self, field.name))

    @property
    def launcher(self) -> Path:
        """The script that browsers start; its folder becomes the host's working directory."""
        return self.data_dir / "bin" / "tabagent-host"

    @property
    def receipt(self) -> Path:
        """The list of everything the installer wrote."""
        return self.data_dir / "install.json"


def require_usable(path: Path) -> None:
    """Raises ``UnusablePath`` unless the path is absolute, free of ``..`` and UTF-8."""
    if not path.is_absolute():
        raise UnusablePath(path, "is not absolute")
    if ".." in path.parts:
        raise UnusablePath(path, "contains '..'")
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise UnusablePath(path, "is not UTF-8") from None


def default_paths(environ: Mapping[str, str], data_dir: Path | None = None) -> InstallPaths:
    """The user's directories by the XDG base directory specification; relative variables count as unset.

    ``data_dir`` defaults to what ``platformdirs`` says for ``tabagent`` in the same environment. It is computed here
    because platformdirs reads the process's own environment, and a caller's mapping must be able to replace it.

    Raises:
        UnusablePath: no home directory is known, or a directory cannot be used.
    """
    home = _directory(environ, "HOME") or _home_of_user()
    config_home = _directory(environ, "XDG_CONFIG_HOME") or home / ".config"
    data_home = _directory(environ, "XDG_DATA_HOME") or home / ".local" / "share"
    return InstallPaths(home, config_home, data_dir or data_home / "tabagent")


def _directory(environ: Mapping[str, str], variable: str) -> Path | None:
    path = Path(environ.get(variable, ""))
    return path if path.is_absolute() else None


def _home_of_user() -> Path:
    import pwd  # noqa: PLC0415  # only Unix has it

    uid = os.getuid()
    try:
        return Path(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        raise UnusablePath("HOME", f"is not set and user {uid} has no entry in the user database") from None
