"""Registers TabAgent's native messaging host with the user's browsers, and takes it away without a trace.

``install``, ``uninstall`` and ``status`` are the whole use; they take ``InstallPaths``, return reports and
print nothing.
"""

from installer.errors import InstallError
from installer.paths import InstallPaths, default_paths
from installer.reports import InstallReport, StatusReport, UninstallReport, as_json
from installer.service import install, status, uninstall

__all__ = [
    "InstallError",
    "InstallPaths",
    "InstallReport",
    "StatusReport",
    "UninstallReport",
    "as_json",
    "default_paths",
    "install",
    "status",
    "uninstall",
]
