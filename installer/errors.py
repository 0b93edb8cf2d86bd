"""What can go wrong, as an API.

    InstallError
    ├── BadExtensionId        bad_extension_id
    ├── ForeignManifest       foreign_manifest
    ├── NoBrowserFound        no_browser_found
    ├── NotWritable           not_writable
    ├── UnknownBrowser        unknown_browser
    ├── UnsafeLocation        unsafe_location
    ├── UnsupportedPlatform   unsupported_platform
    └── UnusablePath          unusable_path

Codes are stable and only added to. ``str(error)`` is a sentence that says what to do next; ``error.details`` names the
values in it, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

Details = dict[str, str | list[str]]


class InstallError(Exception):
    """The base: never raised itself."""

    code: ClassVar[str]

    def __init__(self, message: str, details: Details) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadExtensionId(InstallError):
    """Something given as an extension id is neither Chromium's nor Firefox's."""

    code = "bad_extension_id"

    def __init__(self, extension_id: str) -> None:
        super().__init__(
            f"{extension_id!r} is not an extension id: give the 32 letters a-p that chrome://extensions shows, "
            "or a Firefox add-on id such as name@example.org.",
            {"extension_id": extension_id},
        )


class ForeignManifest(InstallError):
    """Another program's manifest stands where ours belongs. Nothing was written."""

    code = "foreign_manifest"

    def __init__(self, paths: Iterable[Path]) -> None:
        names = [str(path) for path in paths]
        super().__init__(
            f"Not ours, so left alone: {', '.join(names)}. Use force to replace it (the old file is kept beside it "
            "and put back by uninstall), or name only the other browsers.",
            {"paths": list(names)},
        )


class NoBrowserFound(InstallError):
    """No known browser has a configuration folder here."""

    code = "no_browser_found"

    def __init__(self, looked_in: Iterable[Path], sandboxed: Iterable[str]) -> None:
        folders, packaged = [str(path) for path in looked_in], list(sandboxed)
        message = "No browser was found. Start yours once and try again, name it, or give its profile directory."
        if packaged:
            message += f" {', '.join(packaged)} is there as a Flatpak or Snap, which may not be able to start the host."
        super().__init__(
            message,
            {"looked_in": folders, "sandboxed": packaged},
        )


class NotWritable(InstallError):
    """The system refused to write there."""

    code = "not_writable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Cannot write {path}: {reason}. Correct that and run the command again; it picks up where it stopped.",
            {"path": str(path), "reason": reason},
        )


class UnknownBrowser(InstallError):
    """The browsers table has no such id."""

    code = "unknown_browser"

    def __init__(self, browser: str, known: Iterable[str]) -> None:
        ids = list(known)
        super().__init__(
            f"There is no browser {browser!r}; known are {', '.join(ids)}. "
            "For another one based on Chromium give its profile directory.",
            {"browser": browser, "known": list(ids)},
        )


class UnsafeLocation(InstallError):
    """Somebody else could change the file or a folder above it, and so choose what the browser starts."""

    code = "unsafe_location"

    def __init__(self, path: Path, directory: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not a safe place: {directory} {reason}. Only you or root may be able to change it and "
            "the folders above it: correct their owner or run chmod go-w on them, and try again as their owner.",
            {"path": str(path), "directory": str(directory), "reason": reason},
        )


class UnsupportedPlatform(InstallError):
    """There is no writer for this system yet."""

    code = "unsupported_platform"

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"Installing on {platform} is not supported yet; Linux is.",
            {"platform": platform},
        )


class UnusablePath(InstallError):
    """A path that a manifest or launcher cannot carry."""

    code = "unusable_path"

    def __init__(self, path: Path | str, reason: str) -> None:
        shown = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(f"The path {shown!r} {reason}. Give another one.", {"path": shown, "reason": reason})
