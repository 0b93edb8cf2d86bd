"""``install``, ``uninstall`` and ``status``: the installer's reports in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from installer import reports, service
from installer.errors import InstallError
from installer.paths import InstallPaths, default_paths
from installer.reports import InstallReport, StatusReport, UninstallReport
from native_host.settings import environment, load_settings

Browsers = Annotated[
    list[str] | None, typer.Argument(help="chrome, chromium, edge, brave, vivaldi, firefox; default: those found.")
]
Profiles = Annotated[
    list[Path] | None,
    typer.Option("--profile-dir", help="A directory that a Chromium is started with as --user-data-dir."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExtensionIds = Annotated[
    list[str] | None, typer.Option("--extension-id", help="Allow another extension beside the built-in one.")
]
Report = TypeVar("Report", InstallReport, UninstallReport, StatusReport)
Force = Annotated[bool, typer.Option("--force", help="Replace another program's manifest; uninstall puts it back.")]


def install(
    browsers: Browsers = None,
    profile_dir: Profiles = None,
    extension_id: ExtensionIds = None,
    force: Force = False,
    json_output: Json = False,
) -> None:
    """Register the host with your browsers. Doing it again changes nothing."""
    with _errors(as_json=json_output):
        report = service.install(
            _paths(),
            browsers=browsers,
            profile_dirs=_absolute(profile_dir),
            extension_ids=extension_id,
            force=force,
        )
    _print(report, _installed, as_json=json_output)


def uninstall(browsers: Browsers = None, profile_dir: Profiles = None, json_output: Json = False) -> None:
    """Take away exactly what install wrote."""
    with _errors(as_json=json_output):
        report = service.uninstall(_paths(), browsers=browsers, profile_dirs=_absolute(profile_dir))
    _print(report, _uninstalled, as_json=json_output)


def status(profile_dir: Profiles = None, json_output: Json = False) -> None:
    """Show which browsers know the host.

    Exit status 1 where something is wrong.
    """
    with _errors(as_json=json_output):
        report = service.status(_paths(), profile_dirs=_absolute(profile_dir))
    _print(report, _status, as_json=json_output)
    raise typer.Exit(0 if report.ready else 1)


def _paths() -> InstallPaths:
    return default_paths(environment(), data_dir=load_settings().data_dir)


def _absolute(directories: list[Path] | None) -> tuple[Path, ...]:
    return tuple(directory.absolute() for directory in directories or ())


@contextmanager
def _errors(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except InstallError as error:
        _fail(error, as_json=as_json)


def _fail(error: InstallError, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": {"code": error.code, "message": error.message, "details": error.details}}))
    else:
        typer.echo(f"{error.code}: {error.message}", err=True)
    raise typer.Exit(1)


def _print(report: Report, in_words: Callable[[Report], Iterator[str]], *, as_json: bool) -> None:
    lines = iter([json.dumps(reports.as_json(report), indent=2)]) if as_json else in_words(report)
    for line in lines:
        typer.echo(line)


def _installed(report: InstallReport) -> Iterator[str]:
    for manifest in report.manifests:
        yield f"{manifest.name:12} {manifest.outcome:10} {manifest.manifest_path}"
        if manifest.backup:
            yield f"{'':12} the file that stood there is kept as {manifest.backup}"
    yield f"{'launcher':12} {report.launcher_outcome:10} {report.launcher}"
    yield "Now load the extension, and open its side panel." if report.changed else "Nothing had to change."


def _uninstalled(report: UninstallReport) -> Iterator[str]:
    for path in report.removed:
        yield f"removed   {path}"
    for path in report.restored:
        yield f"restored  {path}"
    for path in report.kept:
        yield f"kept      {path} (changed since it was installed; delete it yourself if it is not wanted)"
    if not (report.removed or report.restored or report.kept):
        yield "Nothing was installed."


def _status(report: StatusReport) -> Iterator[str]:
    for browser in report.browsers:
        found = "found" if browser.found else "not found"
        yield f"{browser.name:12} {found:10} {browser.state:10} {browser.manifest_path}"
        if browser.problem:
            yield f"{'':12} {browser.problem}"
    launcher = report.launcher
    working = "works" if launcher.executable and launcher.interpreter_exists else "missing"
    yield f"{'launcher':12} {working:10} {launcher.path}"
    if not report.ready:
        yield "Repair with: tabagent install"
