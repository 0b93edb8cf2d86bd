"""Host manifests as text: write one, read one, and tell whose it is. Opens no file.

Rules enforced (Chrome's "Native messaging", MDN's "Native manifests"): a name of lower-case words joined by dots,
equal to the file's; type ``stdio``; an absolute path; exact origins ``chrome-extension://ID/`` without wildcards for
Chromium, add-on ids for Firefox, and never the other kind's key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

import manifests
from installer.errors import BadExtensionId
from installer.extension_ids import kind_of
from manifests import Kind

_ALLOWED_KEY: Final[dict[Kind, str]] = {"chromium": "allowed_origins", "firefox": "allowed_extensions"}
_OTHER: Final[dict[Kind, Kind]] = {"chromium": "firefox", "firefox": "chromium"}
_ORIGIN = "chrome-extension://"


class ManifestState(StrEnum):
    """What stands where our manifest belongs."""

    MISSING = "missing"
    OURS = "ours"
    STALE = "stale"
    """Ours, but not what would be written today: another launcher, other extensions, an older version."""
    FOREIGN = "foreign"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class HostManifest:
    """The part of a manifest that matters: what is started, and for whom."""

    path: Path
    extension_ids: tuple[str, ...]


def render(kind: Kind, path: Path, extension_ids: Collection[str]) -> bytes:
    """The manifest that lets ``extension_ids`` start ``path``, as UTF-8 JSON."""
    host = manifests.host()
    entries = [f"{_ORIGIN}{name}/" if kind == "chromium" else name for name in extension_ids]
    values: dict[str, str | list[str]] = {
        "%%name%%": host.name,
        "%%description%%": host.description,
        "%%path%%": str(path),
        "%%allowed%%": entries,
    }
    filled = {key: values.get(value, value) for key, value in manifests.template(kind).items()}
    return (json.dumps(filled, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def parse(kind: Kind, content: bytes) -> HostManifest:
    """What a manifest says.

    Raises:
        ValueError: a browser would refuse it; the message says why.
    """
    try:
        fields = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON in UTF-8 ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")
    if fields.get("name") != manifests.host().name:
        raise ValueError("its name is not its file's")
    if fields.get("type") != "stdio":
        raise ValueError("its type is not stdio")
    if not isinstance(fields.get("description"), str):
        raise ValueError("it has no description")
    path = fields.get("path")
    if not isinstance(path, str) or not PurePosixPath(path).is_absolute():
        raise ValueError("its path is not absolute")
    if _ALLOWED_KEY[_OTHER[kind]] in fields:
        raise ValueError(f"{_ALLOWED_KEY[_OTHER[kind]]} is for {_OTHER[kind]}, this is {kind}")
    entries = fields.get(_ALLOWED_KEY[kind])
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{_ALLOWED_KEY[kind]} is not a list with entries")
    return HostManifest(Path(path), tuple(_extension_id(kind, entry) for entry in entries))


def classify(
    kind: Kind, content: bytes | None, wanted: bytes, launcher: Path, digests: Collection[str]
) -> ManifestState:
    """Whose ``content`` is. ``digests`` are of what the receipt says we wrote there; None means no file."""
    if content is None:
        return ManifestState.MISSING
    if content == wanted:
        return ManifestState.OURS
    if digest(content) in digests:
        return ManifestState.STALE
    try:
        path = parse(kind, content).path
    except ValueError:
        return ManifestState.BROKEN
    return ManifestState.STALE if path == launcher else ManifestState.FOREIGN


def is_product(kind: Kind, content: bytes, launcher: Path) -> bool:
    """Whether ``content`` is byte for byte something this version writes for ``launcher``."""
    try:
        found = parse(kind, content)
    except ValueError:
        return False
    return found.path == launcher and render(kind, launcher, found.extension_ids) == content


def digest(content: bytes) -> str:
    """SHA-256, as receipts record it."""
    return hashlib.sha256(content).hexdigest()


def _extension_id(kind: Kind, entry: object) -> str:
    if isinstance(entry, str):
        name = entry.removeprefix(_ORIGIN).removesuffix("/") if kind == "chromium" else entry
        expected = f"{_ORIGIN}{name}/" if kind == "chromium" else name
        try:
            if entry == expected and kind_of(name) == kind:
                return name
        except BadExtensionId:
            pass
    raise ValueError(f"{_ALLOWED_KEY[kind]} has the entry {entry!r}, which names no extension exactly")
