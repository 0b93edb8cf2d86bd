"""What installing would change: reads the disk, writes nothing, so an error found here leaves everything as it was.

One launcher serves all browsers. Manifests of earlier installs that are still ours are brought up to date along with
those asked for, so that all of them always name the current launcher and the same extensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from installer import disk, launcher, manifest
from installer import receipt as receipts
from installer.errors import ForeignManifest
from installer.extension_ids import allowed
from installer.locations import Place
from installer.manifest import ManifestState
from installer.paths import InstallPaths
from installer.receipt import Receipt, RecordedFile
from installer.reports import Outcome

MANIFEST_MODE: Final = 0o644
LAUNCHER_MODE: Final = 0o755
RECEIPT_MODE: Final = 0o600
_BACKUP_SUFFIX: Final = ".tabagent-backup"


@dataclass(frozen=True, slots=True)
class Request:
    """What an install is to bring about."""

    paths: InstallPaths
    places: tuple[Place, ...]
    earlier: tuple[Place, ...]
    """Places of earlier installs: kept up to date where the file is still ours, forgotten where it is not."""
    extension_ids: tuple[str, ...]
    interpreter: Path
    force: bool
    """Replace manifests of other programs in ``places``."""


@dataclass(frozen=True, slots=True)
class FileWrite:
    """One file to be put in place; what stands there is moved to ``backup`` first, if given."""

    path: Path
    content: bytes
    mode: int
    backup: Path | None = None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file as it should be, and what that means."""

    record: RecordedFile
    write: FileWrite
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """Everything to be done, in this order: directories that hold the receipt, receipt, other directories, files."""

    receipt_path: Path
    receipt: FileWrite | None
    """None if the one there is right."""
    directories: tuple[Path, ...]
    launcher: PlannedFile
    manifests: tuple[tuple[Place, PlannedFile], ...]
    """Two places may share one file where a browser's folder is a link to another's."""

    @property
    def writes(self) -> tuple[FileWrite, ...]:
        """Files that are not yet as they should be, each once, the launcher first."""
        files = (self.launcher, *(file for _, file in self.manifests))
        return tuple(dict.fromkeys(file.write for file in files if file.outcome is not Outcome.UNCHANGED))


def backup_of(path: Path) -> Path:
    """Where another program's manifest waits while ours takes its place; a newer one replaces an older one."""
    return path.with_name(path.name + _BACKUP_SUFFIX)


def plan(request: Request, receipt: Receipt) -> InstallPlan:
    """The way from what is there to what is asked for.

    Raises:
        ForeignManifest: a file of another program is in the way and the request does not allow replacing it.
    """
    paths, extension_ids = request.paths, request.extension_ids
    planned = [(place, _manifest(place, request, receipt)) for place in request.places]
    foreign = [place.manifest_path for place, file in planned if file.outcome is Outcome.REPLACED]
    if foreign and not request.force:
        raise ForeignManifest(foreign)
    earlier = [(place, _manifest(place, request, receipt)) for place in request.earlier]
    planned += [(place, file) for place, file in earlier if _still_ours(file)]
    script = _launcher(paths.launcher, receipt, launcher.render(request.interpreter, extension_ids))
    by_path = {file.record.path: file.record for file in (script, *(file for _, file in planned))}
    files = tuple(by_path[path] for path in sorted(by_path))  # the order of asking changes nothing
    directories = tuple(
        dict.fromkeys(
            directory
            for path in (paths.receipt, *(file.path for file in files))
            for directory in disk.missing_directories(path.parent)
        )
    )
    made_earlier = tuple(path for path in receipt.directories if disk.exists(path))
    content = receipts.dump(Receipt(extension_ids, files, made_earlier + directories))
    existing = disk.read(paths.receipt)
    same = existing is not None and existing.content == content
    return InstallPlan(
        receipt_path=paths.receipt,
        receipt=None if same else FileWrite(paths.receipt, content, RECEIPT_MODE),
        directories=directories,
        launcher=script,
        manifests=tuple(planned),
    )


def _manifest(place: Place, request: Request, receipt: Receipt) -> PlannedFile:
    launcher_path = request.paths.launcher
    path = disk.canonical(place.manifest_path)
    wanted = manifest.render(place.kind, launcher_path, allowed(place.kind, request.extension_ids))
    existing = disk.read(path)
    content = None if existing is None else existing.content
    digests = receipt.digests_of(path)
    state = manifest.classify(place.kind, content, wanted, launcher_path, digests)
    foreign = state is ManifestState.FOREIGN or (state is ManifestState.BROKEN and not digests)
    write = FileWrite(path, wanted, MANIFEST_MODE, backup_of(path) if foreign else None)
    outcome = Outcome.REPLACED if foreign else _outcome(write, existing)
    return PlannedFile(_record(write, existing, digests, place), write, outcome)


def _still_ours(file: PlannedFile) -> bool:
    """Not removed or replaced by others since; one whose backup waits was to be written when an install was killed."""
    if file.outcome is Outcome.INSTALLED:
        return disk.exists(backup_of(file.write.path))
    return file.outcome is not Outcome.REPLACED


def _launcher(path: Path, receipt: Receipt, wanted: bytes) -> PlannedFile:
    existing = disk.read(path)
    write = FileWrite(path, wanted, LAUNCHER_MODE)
    return PlannedFile(_record(write, existing, receipt.digests_of(path), None), write, _outcome(write, existing))


def _outcome(write: FileWrite, existing: disk.FoundFile | None) -> Outcome:
    if existing is None:
        return Outcome.INSTALLED
    return Outcome.UNCHANGED if existing == disk.FoundFile(write.content, write.mode, True) else Outcome.UPDATED


def _record(
    write: FileWrite, existing: disk.FoundFile | None, before: tuple[str, ...], place: Place | None
) -> RecordedFile:
    """Keeps the digest of our own content that is about to be replaced: a crash may leave it there."""
    wanted = manifest.digest(write.content)
    current = None if existing is None else manifest.digest(existing.content)
    if current == wanted and wanted in before:
        digests = before
    else:
        digests = (wanted, *(digest for digest in before if digest == current != wanted))
    if place is None:
        return RecordedFile(write.path, "launcher", None, digests)
    return RecordedFile(write.path, place.kind, place.browser, digests)
