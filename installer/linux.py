"""Linux: host manifests are files in the browsers' folders. Nothing else in this package writes to the disk.

Order is what makes a crash harmless. Installing writes the receipt, then the launcher, then the manifests that name
it; uninstalling goes the other way. So whatever exists is listed, and no manifest of ours names a missing launcher.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from installer import atomic
from installer.errors import NotWritable
from installer.plan_install import FileWrite, InstallPlan
from installer.plan_uninstall import Removal, UninstallPlan
from installer.trust import User, require_safe, require_safe_file
from manifests import System

_DIRECTORY_MODE = 0o755


class LinuxRegistrar:
    """Writes registrations as files; see ``Registrar`` for the contract."""

    @property
    def system(self) -> System:
        """The column of the browsers table."""
        return "linux"

    def check(self, directory: Path) -> None:
        """Refuses places that cannot be written or trusted."""
        require_safe(directory, User.current())

    def check_file(self, file: Path) -> None:
        """Refuses files that others could change."""
        require_safe_file(file, User.current())

    def install(self, plan: InstallPlan) -> None:
        """Makes the plan so."""
        for_receipt = [path for path in plan.directories if plan.receipt_path.is_relative_to(path)]
        _make(for_receipt)
        if plan.receipt is not None:
            _write(plan.receipt)
        _make(path for path in plan.directories if path not in for_receipt)
        for write in plan.writes:
            _write(write)

    def uninstall(self, plan: UninstallPlan) -> tuple[Path, ...]:
        """Makes the plan so; returns the directories that are gone."""
        for removal in plan.removals:
            _remove(removal)
        for path in (*plan.listed, plan.receipt_path):
            _sweep(path)
        innermost_first = sorted(plan.directories, key=lambda path: len(path.parts), reverse=True)
        gone = [path for path in innermost_first if not plan.receipt_path.is_relative_to(path) and _remove_empty(path)]
        if plan.receipt is not None:
            _write(plan.receipt)
        else:
            _remove(Removal(plan.receipt_path, remove=True, backup=None))
        gone += [path for path in innermost_first if plan.receipt_path.is_relative_to(path) and _remove_empty(path)]
        return tuple(gone)


def _write(write: FileWrite) -> None:
    _sweep(write.path)
    with _reported(write.path):
        if write.backup is not None:
            write.path.replace(write.backup)
        atomic.write(write.path, write.content, write.mode)


def _remove(removal: Removal) -> None:
    with _reported(removal.path):
        if removal.backup is not None:
            removal.backup.replace(removal.path)
        elif removal.remove:
            removal.path.unlink(missing_ok=True)


def _make(directories: Iterable[Path]) -> None:
    for directory in directories:
        with _reported(directory):
            directory.mkdir(_DIRECTORY_MODE, exist_ok=True)


def _sweep(path: Path) -> None:
    for leftover in atomic.leftovers(path):
        with _reported(leftover):
            leftover.unlink(missing_ok=True)


def _remove_empty(directory: Path) -> bool:
    with contextlib.suppress(OSError):
        directory.rmdir()
        return True
    return False


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritable(path, error.strerror or str(error)) from error
