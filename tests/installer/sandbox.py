"""A user's home for the installer's tests, with a name that has everything a shell or JSON could trip over."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import manifests
from installer import InstallPaths, InstallReport, UninstallReport, install, uninstall
from installer.locations import browser_place

AWKWARD = 'it\'s 100% Jürgen & $HOME `x` \\ "日本"'
STABLE_BROWSERS = ("chrome", "chromium", "edge", "brave", "vivaldi", "firefox")
Tree = dict[str, tuple[str, int, bytes]]


@dataclass(frozen=True)
class Sandbox:
    """A home and an interpreter that tells its arguments."""

    paths: InstallPaths
    interpreter: Path

    @classmethod
    def create(cls, root: Path) -> Sandbox:
        home = root / AWKWARD
        (home / ".config").mkdir(parents=True)
        (home / ".local" / "share").mkdir(parents=True)
        interpreter = root / f"{AWKWARD} env" / "python"
        interpreter.parent.mkdir()
        interpreter.write_text(
            '#!/bin/sh\nprintf \'%s\\n\' "${TABAGENT_EXTENSION_IDS-unset}" "$PWD" "$@"\n', encoding="utf-8"
        )
        interpreter.chmod(0o755)
        return cls(InstallPaths(home, home / ".config", home / ".local" / "share" / "tabagent"), interpreter)

    def add_browser(self, *names: str) -> None:
        """What the first start of a browser leaves."""
        for name in names:
            config_dir = browser_place(self._browser(name), "linux", self.paths).config_dirs[0]
            config_dir.mkdir(parents=True)
            (config_dir / "First Run").touch()

    def manifest_path(self, name: str) -> Path:
        return browser_place(self._browser(name), "linux", self.paths).manifest_path

    def manifest(self, name: str) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.manifest_path(name).read_text(encoding="utf-8"))
        return fields

    def add_foreign_manifest(self, name: str) -> bytes:
        """Another program's manifest under our name; returns its content."""
        path = self.manifest_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(
            {
                "name": manifests.host().name,
                "description": "another one",
                "path": "/opt/other/host",
                "type": "stdio",
                "allowed_origins": [f"chrome-extension://{'b' * 32}/"],
            }
        ).encode()
        path.write_bytes(content)
        path.chmod(0o640)
        return content

    def install(self, *browsers: str, **options: Any) -> InstallReport:
        options.setdefault("interpreter", self.interpreter)
        return install(self.paths, browsers=browsers, **options)

    def uninstall(self, *browsers: str, **options: Any) -> UninstallReport:
        return uninstall(self.paths, browsers=browsers, **options)

    def tree(self) -> Tree:
        """Every name below the home, with its type, permission bits and content."""
        return {str(path.relative_to(self.paths.home)): _entry(path) for path in self.paths.home.rglob("*")}

    def _browser(self, name: str) -> manifests.Browser:
        return next(browser for browser in manifests.browsers() if browser.id == name)


def _entry(path: Path) -> tuple[str, int, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", 0, str(path.readlink()).encode()
    if stat.S_ISDIR(mode):
        return "directory", stat.S_IMODE(mode), b""
    return "file", stat.S_IMODE(mode), path.read_bytes()
