"""What a browser's user should know of the installation, as findings with remedies. Reads a status, writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import manifests
from installer.extension_ids import allowed
from installer.manifest import ManifestState
from installer.reports import BrowserStatus, LauncherStatus, StatusReport

INSTALL = "install"
"""The repair that ``installer.install`` without force is: it writes only what is missing or ours. All browsers share a
launcher, so it is no repair while that starts another installation: it would take every browser away from there."""


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``fix`` names a repair that harms nothing; ``remedy`` is for a person."""

    check: str
    severity: Severity
    message: str
    remedy: str | None = None
    fix: str | None = None


def examine(report: StatusReport) -> Iterator[Finding]:
    """Browsers first, then the launcher that they share."""
    for browser in report.browsers:
        yield _browser(browser, report)
    is_wanted = any(it.found or it.state is not ManifestState.MISSING for it in report.browsers)
    if not is_wanted:
        yield Finding(
            "browsers",
            Severity.WARNING,
            "No browser was found.",
            "Start yours once and run tabagent install; another one based on Chromium: --profile-dir DIRECTORY.",
        )
    if report.launcher.problem:
        yield Finding("launcher", Severity.PROBLEM, report.launcher.problem, "Correct that, then: tabagent install")
    elif is_wanted or report.launcher.exists:
        yield _launcher(report.launcher)
    else:
        yield Finding("launcher", Severity.NOTE, f"{report.launcher.path} is not there; no browser needs it.")


def _browser(it: BrowserStatus, report: StatusReport) -> Finding:
    check = f"browser {it.browser or it.name}"
    if it.state is ManifestState.MISSING:
        return _without_manifest(check, it, report)
    who = ", ".join(it.extension_ids)
    fine = Finding(check, Severity.OK, f"{it.name}: registered at {it.manifest_path}, for {who}")
    return _refused(check, it) or _repairable(check, it, report) or fine


def _refused(check: str, it: BrowserStatus) -> Finding | None:
    """What a person must decide."""
    if it.state is ManifestState.FOREIGN:
        named = f"tabagent install {it.browser or ''}".rstrip()
        remedy = f"{named} --force replaces it; uninstall puts it back."
        return Finding(check, Severity.PROBLEM, f"{it.name}: another program's manifest is in place of ours.", remedy)
    if it.state is ManifestState.BROKEN:
        remedy = f"Look at {it.manifest_path}, remove it, and run: tabagent install"
        return Finding(check, Severity.PROBLEM, f"{it.name}: {it.problem or 'the manifest is broken.'}", remedy)
    if it.problem:
        return Finding(check, Severity.PROBLEM, f"{it.name}: {it.problem}", "Correct that, then: tabagent install")
    return None


def _repairable(check: str, it: BrowserStatus, report: StatusReport) -> Finding | None:
    """What installing again puts right."""
    message, severity = None, Severity.PROBLEM
    if it.host_path is None or not _is_executable(it.host_path):
        message = f"{it.name}: the manifest names {it.host_path}, which is no program."
    elif lacking := _lacking(it, report):
        message = f"{it.name}: the manifest does not allow {', '.join(lacking)}."
    elif it.state is ManifestState.STALE:
        message, severity = f"{it.name}: an older manifest of ours.", Severity.WARNING
    return Finding(check, severity, message, *_install(report.launcher)) if message else None


def _without_manifest(check: str, it: BrowserStatus, report: StatusReport) -> Finding:
    if it.found:
        return Finding(check, Severity.PROBLEM, f"{it.name}: not registered.", *_install(report.launcher))
    if it.sandboxed:
        message = f"{it.name}: only a Flatpak or Snap, whose sandbox may not let it start the host."
        remedy = "Use the browser's package of your distribution or of its maker."
        return Finding(check, Severity.WARNING, message, remedy)
    return Finding(check, Severity.NOTE, f"{it.name}: not on this machine.")


def _lacking(it: BrowserStatus, report: StatusReport) -> list[str]:
    """Ids that should be allowed and are not."""
    kinds = {browser.id: browser.kind for browser in manifests.browsers()}
    wanted = allowed(kinds.get(it.browser or "", "chromium"), report.extension_ids)
    return [name for name in wanted if name not in it.extension_ids]


def _install(launcher: LauncherStatus) -> tuple[str, str | None]:
    """The remedy that installing again is, and the repair where nobody has to decide."""
    if launcher.problem:
        return "Correct what is wrong with the launcher, then: tabagent install", None
    if launcher.elsewhere:
        return f"tabagent install, of the TabAgent at {launcher.interpreter}; or here, if this one is to serve", None
    return "tabagent install", INSTALL


def _launcher(it: LauncherStatus) -> Finding:
    check = "launcher"
    if not it.exists:
        return Finding(check, Severity.PROBLEM, f"{it.path} is missing.", *_install(it))
    if not it.executable:
        return Finding(check, Severity.PROBLEM, f"{it.path} cannot be run.", *_install(it))
    if not it.interpreter_exists:
        message = f"{it.path} starts {it.interpreter}, which is not there any more."
        return Finding(check, Severity.PROBLEM, message, *_install(it))
    if it.elsewhere:
        message = f"{it.path} starts TabAgent from another place: {it.interpreter}"
        return Finding(check, Severity.WARNING, message, "tabagent install, if this one is to serve")
    if not it.current:
        return Finding(check, Severity.WARNING, f"{it.path} is an older launcher of ours.", *_install(it))
    return Finding(check, Severity.OK, f"{it.path} starts {it.interpreter}")


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
