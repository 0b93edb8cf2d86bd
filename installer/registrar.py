"""The seam between systems: all that differs is where browsers look and how a registration is written.

Planning (``plan_install``, ``plan_uninstall``) only reads and says what should be; a registrar makes it so. Linux has
one, in ``linux``. macOS has the same files in other folders (they are in the table), Windows adds a registry value per
manifest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

from installer.errors import UnsupportedPlatform
from installer.plan_install import InstallPlan
from installer.plan_uninstall import UninstallPlan
from manifests import System


class Registrar(Protocol):
    """Writes registrations on one system."""

    @property
    def system(self) -> System:
        """The column of the browsers table."""

    def check(self, directory: Path) -> None:
        """Whether a file in ``directory`` can be written and trusted; the directory need not exist.

        Raises:
            UnsafeLocation, NotWritable
        """

    def check_file(self, file: Path) -> None:
        """Whether ``file``, or a folder of code, can be trusted: no other user can change it or a folder above it.

        Raises:
            UnsafeLocation, UnusablePath
        """

    def install(self, plan: InstallPlan) -> None:
        """Makes the plan so.

        Raises:
            NotWritable: the disk says no half-way; installing or uninstalling again repairs it.
        """

    def uninstall(self, plan: UninstallPlan) -> tuple[Path, ...]:
        """Makes the plan so; returns the directories that were empty and are gone.

        Raises:
            NotWritable: the disk says no half-way; uninstalling again finishes.
        """


def current_registrar() -> Registrar:
    """The registrar of the running system.

    Raises:
        UnsupportedPlatform: it has none yet.
    """
    if sys.platform != "linux":
        raise UnsupportedPlatform(sys.platform)
    from installer.linux import LinuxRegistrar  # noqa: PLC0415  # it imports modules that only Unix has

    return LinuxRegistrar()
