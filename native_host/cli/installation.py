"""``install``, ``uninstall`` and ``status``: the installer's reports in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from installer import reports, service
from installer.manifest import ManifestState
from installer.paths import InstallPaths, default_paths
from installer.reports import InstallReport, StatusReport, UninstallReport
from native_host.cli import exit_status
from native_host.cli.options import Json
from native_host.cli.terminal import Terminal, session
from native_host.settings import Settings, environment

Browsers = Annotated[
    list[str] | None, typer.Argument(help="chrome, chromium, edge, brave, vivaldi, firefox; default: those found.")
]
Profiles = Annotated[
    list[Path] | None,
    typer.Option("--profile-dir", help="A directory that a Chromium is started with as --user-data-dir."),
]
ExtensionIds = Annotated[
    list[str] | None, typer.Option("--extension-id", help="Allow another extension beside the built-in one.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace another program's manifest; uninstall puts it back.")]


def install(
    browsers: Browsers = None,
    profile_dir: Profiles = None,
    extension_id: ExtensionIds = None,
    force: Force = False,
    json_output: Json = False,
) -> None:
    """Register the host with your browsers. Doing it again changes nothing."""
    with session(as_json=json_output) as terminal:
        report = service.install(
            install_paths(terminal.settings),
            browsers=browsers,
            profile_dirs=_absolute(profile_dir),
            extension_ids=extension_id,
            force=force,
        )
        if terminal.as_json:
            terminal.json(reports.as_json(report))
        else:
            _installed(terminal, report)


def uninstall(browsers: Browsers = None, profile_dir: Profiles = None, json_output: Json = False) -> None:
    """Take away exactly what install wrote."""
    with session(as_json=json_output) as terminal:
        paths = install_paths(terminal.settings)
        report = service.uninstall(paths, browsers=browsers, profile_dirs=_absolute(profile_dir))
        if terminal.as_json:
            terminal.json(reports.as_json(report))
        else:
            _uninstalled(terminal, report)


def status(profile_dir: Profiles = None, json_output: Json = False) -> None:
    """Show which browsers know the host.

    Exit status 1 where something is wrong.
    """
    with session(as_json=json_output) as terminal:
        report = service.status(install_paths(terminal.settings), profile_dirs=_absolute(profile_dir))
        if terminal.as_json:
            terminal.json(reports.as_json(report))
        else:
            _status(terminal, report)
    raise typer.Exit(0 if report.ready else exit_status.FAILED)


def install_paths(settings: Settings) -> InstallPaths:
    """Where the user's browsers keep manifests, and where ours lie."""
    return default_paths(environment(), data_dir=settings.data_dir)


def _absolute(directories: list[Path] | None) -> tuple[Path, ...]:
    return tuple(directory.absolute() for directory in directories or ())


def _installed(terminal: Terminal, report: InstallReport) -> None:
    files = [(it.name, it.outcome.value, str(it.manifest_path)) for it in report.manifests]
    terminal.table(
        ("BROWSER", "MANIFEST", "PATH"), [*files, ("launcher", report.launcher_outcome.value, str(report.launcher))]
    )
    for manifest in report.manifests:
        if manifest.backup:
            terminal.say(f"The file that stood there is kept as {manifest.backup}")
    terminal.say("Now load the extension, and open its side panel." if report.changed else "Nothing had to change.")


def _uninstalled(terminal: Terminal, report: UninstallReport) -> None:
    for path in report.removed:
        terminal.say(f"removed   {path}")
    for path in report.restored:
        terminal.say(f"restored  {path}")
    for path in report.kept:
        terminal.say(f"kept      {path} (changed since it was installed; delete it yourself if it is not wanted)")
    if not (report.removed or report.restored or report.kept):
        terminal.say("Nothing was installed.")


def _status(terminal: Terminal, report: StatusReport) -> None:
    launcher = report.launcher
    working = "works" if launcher.executable and launcher.interpreter_exists else "missing"
    working = "unsafe" if launcher.problem else working
    rows = [
        (it.name, "found" if it.found else "not found", it.state.value, str(it.manifest_path)) for it in report.browsers
    ]
    terminal.table(("BROWSER", "HERE", "MANIFEST", "PATH"), [*rows, ("launcher", "", working, str(launcher.path))])
    for browser in report.browsers:
        if browser.problem:
            terminal.say(f"{browser.name}: {browser.problem}", "yellow")
    if launcher.problem:
        terminal.say(f"launcher: {launcher.problem}", "yellow")
    if not any(it.found or it.state is not ManifestState.MISSING for it in report.browsers):
        terminal.say("No browser was found. Start yours once, then: tabagent install")
    elif not report.ready:
        terminal.say("Repair with: tabagent install. tabagent doctor tells more.")
