"""File systems of a few files in memory, to be full or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import missing

SIZE = "200m"
"""More than a download wants to be left free. Memory is taken only for what is written."""


class SmallDisk:
    """A mounted file system."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def allow(self, files: int) -> None:
        """Let it hold ``files`` more files and folders than now."""
        used = sum(1 for _ in self.path.rglob("*")) + 1
        _run("mount", "-o", f"remount,rw,nr_inodes={used + files}", str(self.path))

    def make_read_only(self) -> None:
        """Refuse every change."""
        _run("mount", "-o", "remount,ro", str(self.path))

    def make_writable(self) -> None:
        """Take changes again, as many as there are."""
        self.allow(10_000)


@contextmanager
def small_disk(path: Path) -> Iterator[SmallDisk]:
    """Mount one at ``path``, which root or ``sudo`` without a password may do."""
    path.mkdir(parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700,uid={os.getuid()}", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError):
        missing("the right to mount a file system in memory")
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    by_sudo = ["sudo", "-n"] if os.getuid() and shutil.which("sudo") else []
    subprocess.run([*by_sudo, *command], check=True, capture_output=True)
