"""What is installed, and whether a browser could start it. Reads the disk, writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from installer import disk, launcher, manifest, programs
from installer.errors import InstallError
from installer.extension_ids import allowed
from installer.locations import Place
from installer.manifest import HostManifest, ManifestState
from installer.paths import InstallPaths
from installer.receipt import Receipt
from installer.registrar import Registrar
from installer.reports import BrowserStatus, LauncherStatus, StatusReport

_SANDBOXED = "A Flatpak or Snap of it is there, whose sandbox may not let it start the host."
_DEFECTS = (ManifestState.STALE, ManifestState.FOREIGN, ManifestState.BROKEN)


def is_found(place: Place, receipt: Receipt) -> bool:
    """Whether the browser has a configuration folder; one that holds nothing but what we put there is no proof."""
    for directory in place.config_dirs:
        names = disk.names_in(directory)
        if names is None:
            continue
        ours = Path(os.path.realpath(directory)) in receipt.directories
        if not (ours and names <= {place.manifest_path.parent.name}):
            return True
    return False


def is_sandboxed(place: Place) -> bool:
    """Whether a Flatpak or Snap of the browser has left its folder."""
    return any(disk.exists(directory) for directory in place.sandbox_dirs)


def report(
    registrar: Registrar, paths: InstallPaths, places: Iterable[Place], receipt: Receipt, interpreter: Path
) -> StatusReport:
    """The status of ``places`` and of the launcher they share."""
    browsers = tuple(_browser(registrar, place, paths, receipt) for place in places)
    script = _launcher(registrar, paths.launcher, interpreter, receipt.extension_ids)
    works = script.executable and script.interpreter_exists and not script.problem
    serves = any(browser.state is ManifestState.OURS for browser in browsers)
    defect = any(browser.found and (browser.state in _DEFECTS or browser.problem) for browser in browsers)
    return StatusReport(works and serves and not defect, browsers, script, receipt.extension_ids)


def _browser(registrar: Registrar, place: Place, paths: InstallPaths, receipt: Receipt) -> BrowserStatus:
    path = disk.canonical(place.manifest_path)
    found = disk.read(path)
    content = None if found is None else found.content
    wanted = manifest.render(place.kind, paths.launcher, allowed(place.kind, receipt.extension_ids))
    state = manifest.classify(place.kind, content, wanted, paths.launcher, receipt.digests_of(path))
    says: HostManifest | None = None
    problem: str | None = None
    if content is not None:
        try:
            says = manifest.parse(place.kind, content)
        except ValueError as error:
            problem = f"Browsers refuse the manifest: {error}."
        problem = problem or _unsafe(registrar, place)
    found_here, sandboxed = is_found(place, receipt), is_sandboxed(place)
    return BrowserStatus(
        browser=place.browser,
        name=place.name,
        found=found_here,
        sandboxed=sandboxed,
        state=state,
        manifest_path=place.manifest_path,
        host_path=says.path if says else None,
        extension_ids=says.extension_ids if says else (),
        problem=problem or (_SANDBOXED if sandboxed and not found_here else None),
    )


def _launcher(registrar: Registrar, path: Path, wanted: Path, extension_ids: tuple[str, ...]) -> LauncherStatus:
    found = disk.read(path)
    interpreter = None if found is None else launcher.interpreter_of(found.content)
    there = interpreter is not None and interpreter.is_file() and os.access(interpreter, os.X_OK)
    return LauncherStatus(
        path=path,
        exists=found is not None,
        executable=found is not None and path.is_file() and os.access(path, os.X_OK),
        current=found is not None and found.content == launcher.render(wanted, extension_ids),
        interpreter=interpreter,
        interpreter_exists=there,
        elsewhere=there and interpreter != wanted,
        problem=_unsafe_files(registrar, [path, *programs.of(interpreter or wanted)]),
    )


def _unsafe(registrar: Registrar, place: Place) -> str | None:
    try:
        registrar.check(place.manifest_path.parent)
    except InstallError as error:
        return error.message
    return _unsafe_files(registrar, [place.manifest_path])


def _unsafe_files(registrar: Registrar, files: Iterable[Path]) -> str | None:
    for file in files:
        try:
            registrar.check_file(file)
        except InstallError as error:
            return error.message
    return None
