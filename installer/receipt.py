"""The receipt: a list of what the installer wrote, so that uninstalling removes that and nothing else.

It is written before the files it lists, and a listed file is removed only while its content has one of the listed
digests. So a crash at any point leaves nothing unlisted, and a file somebody else changed is never taken for ours.
Opens no file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from installer.errors import BadExtensionId
from installer.extension_ids import checked
from manifests import Kind

_VERSION = 1
_ROLES = ("launcher", "chromium", "firefox")

Role = Literal["launcher"] | Kind


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of ours: the launcher, or a host manifest for a kind of browser."""

    path: Path
    role: Role
    browser: str | None
    """Id in the browsers table; None for the launcher and for profile directories."""
    digests: tuple[str, ...]
    """SHA-256 of the content wanted, then of the content it replaces where that was ours as well."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One installation."""

    extension_ids: tuple[str, ...] = ()
    """Ids allowed beside the built-in ones."""
    files: tuple[RecordedFile, ...] = ()
    directories: tuple[Path, ...] = ()
    """Directories that did not exist before, parents first."""

    @property
    def manifests(self) -> tuple[RecordedFile, ...]:
        """The files that are host manifests."""
        return tuple(file for file in self.files if file.role != "launcher")

    def digests_of(self, path: Path) -> tuple[str, ...]:
        """What we wrote to ``path``; empty if nothing."""
        return next((file.digests for file in self.files if file.path == path), ())


def dump(receipt: Receipt) -> bytes:
    """The receipt as UTF-8 JSON."""
    document = {
        "version": _VERSION,
        "extension_ids": list(receipt.extension_ids),
        "files": [
            {"path": str(file.path), "role": file.role, "browser": file.browser, "sha256": list(file.digests)}
            for file in receipt.files
        ],
        "directories": [str(path) for path in receipt.directories],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def load(content: bytes) -> Receipt:
    """The receipt in ``content``.

    Raises:
        ValueError: this version did not write it.
    """
    try:
        document = json.loads(content.decode("utf-8"))
        if document["version"] != _VERSION:
            raise ValueError(f"receipt of version {document['version']!r}")
        return Receipt(
            extension_ids=checked(_texts(document["extension_ids"])),
            files=tuple(_file(fields) for fields in document["files"]),
            directories=tuple(_path(text) for text in document["directories"]),
        )
    except (KeyError, TypeError, RecursionError, BadExtensionId) as error:
        raise ValueError(f"not a receipt: {error!r}") from error


def _file(fields: dict[str, Any]) -> RecordedFile:
    if fields["role"] not in _ROLES:
        raise ValueError(f"unknown role {fields['role']!r}")
    browser = fields["browser"]
    return RecordedFile(
        path=_path(fields["path"]),
        role=fields["role"],
        browser=None if browser is None else str(browser),
        digests=_texts(fields["sha256"]),
    )


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f"relative path {text!r}")
    return path


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("not a list of texts")
    return tuple(values)
