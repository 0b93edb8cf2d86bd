"""What uninstalling would change: reads the disk, writes nothing.

Only what the receipt lists is touched, and only while its content is what we wrote. The launcher and the receipt go
with the last manifest.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from installer import disk, manifest
from installer import receipt as receipts
from installer.paths import InstallPaths
from installer.plan_install import RECEIPT_MODE, FileWrite, backup_of
from installer.receipt import Receipt, RecordedFile


@dataclass(frozen=True, slots=True)
class Removal:
    """One file to be removed, or replaced by the one that waits at ``backup``; maybe only the latter is there."""

    path: Path
    remove: bool
    backup: Path | None


@dataclass(frozen=True, slots=True)
class UninstallPlan:
    """Everything to be done, in this order: removals, directories, receipt, directories that held it."""

    receipt_path: Path
    receipt: FileWrite | None
    """What is left of it; None if it goes too."""
    removals: tuple[Removal, ...]
    kept: tuple[Path, ...]
    listed: tuple[Path, ...]
    """Files beside which a killed write may have left something."""
    directories: tuple[Path, ...]
    """To be removed if empty."""


def plan(paths: InstallPaths, receipt: Receipt, chosen: Collection[Path] | None) -> UninstallPlan:
    """The way back. ``chosen`` are the (canonical) manifests to take away; None takes away everything."""
    manifests = [file for file in receipt.manifests if chosen is None or file.path in chosen]
    everything = len(manifests) == len(receipt.manifests)
    rest = () if everything else tuple(file for file in receipt.files if file not in manifests)
    going = [file for file in receipt.files if file not in rest]
    going.sort(key=lambda file: file.role == "launcher")
    removals, kept = [], []
    for file in going:
        removal = _removal(file)
        if removal is None:
            kept.append(file.path)
        elif removal.remove or removal.backup:
            removals.append(removal)
    left = None
    if not everything and disk.exists(paths.data_dir):  # a deleted one is not made anew for a receipt alone
        left = FileWrite(paths.receipt, receipts.dump(replace(receipt, files=rest)), RECEIPT_MODE)
    return UninstallPlan(
        receipt_path=paths.receipt,
        receipt=left,
        removals=tuple(removals),
        kept=tuple(kept),
        listed=tuple(file.path for file in going),
        directories=receipt.directories,
    )


def _removal(file: RecordedFile) -> Removal | None:
    """None if somebody else changed the file."""
    found = disk.read(file.path)
    if found is not None and manifest.digest(found.content) not in file.digests:
        return None
    backup = backup_of(file.path)
    has_backup = file.role != "launcher" and disk.exists(backup)
    return Removal(file.path, remove=found is not None, backup=backup if has_backup else None)
