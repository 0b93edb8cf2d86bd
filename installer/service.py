"""Install, uninstall, status: the use cases. They return what they did and print nothing.

Everything is per user. Nothing is written before the whole plan is known to be possible; what fails after that is
repaired by running the same command again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from installer import disk, plan_install, plan_uninstall, programs, targets
from installer import status as statuses
from installer.errors import UnusablePath
from installer.extension_ids import checked
from installer.paths import InstallPaths
from installer.plan_install import InstallPlan
from installer.recovery import current_receipt
from installer.registrar import current_registrar
from installer.reports import InstalledManifest, InstallReport, StatusReport, UninstallReport


def install(
    paths: InstallPaths,
    *,
    browsers: Iterable[str] | None = None,
    profile_dirs: Iterable[Path] = (),
    extension_ids: Iterable[str] | None = None,
    force: bool = False,
    interpreter: Path | None = None,
) -> InstallReport:
    """Registers the host with browsers; doing it again changes nothing.

    Args:
        paths: the user's directories.
        browsers: ids in the browsers table, installed for whether found or not. If none is named, those found, or
            none at all if profile directories are given.
        profile_dirs: absolute directories that a Chromium is started with as ``--user-data-dir``.
        extension_ids: ids allowed beside the built-in ones, for every browser. None keeps those of the last install,
            an empty list withdraws them.
        force: replace other programs' manifests; ``uninstall`` puts them back.
        interpreter: Python of the environment that has ``native_host``; this one by default.

    Raises:
        InstallError: see ``installer.errors``. Only ``NotWritable`` may come after something was written.
    """
    registrar = current_registrar()
    table, profiles = targets.table(registrar, paths), targets.profiles(profile_dirs)
    receipt = current_receipt(paths, table + profiles)
    places = targets.wanted(table, browsers, profiles, receipt)
    request = plan_install.Request(
        paths=paths,
        places=places,
        earlier=targets.recorded(receipt, table, places),
        extension_ids=receipt.extension_ids if extension_ids is None else checked(extension_ids),
        interpreter=_interpreter(interpreter),
        force=force,
    )
    plan = plan_install.plan(request, receipt)
    registrar.check(paths.data_dir)
    registrar.check(paths.launcher.parent)
    for file in programs.of(request.interpreter):
        registrar.check_file(file)
    for place, _ in plan.manifests:
        registrar.check(place.manifest_path.parent)
    registrar.install(plan)
    return _report(plan, request.extension_ids)


def uninstall(
    paths: InstallPaths, *, browsers: Iterable[str] | None = None, profile_dirs: Iterable[Path] = ()
) -> UninstallReport:
    """Takes away what ``install`` wrote, and puts back what it replaced; doing it again changes nothing.

    With browsers or profile directories only their manifests go; the launcher and the receipt go with the last one.

    Raises:
        UnknownBrowser: a browser is not in the table.
        NotWritable: the disk refused; running it again finishes.
    """
    registrar = current_registrar()
    table, profiles = targets.table(registrar, paths), targets.profiles(profile_dirs)
    receipt = current_receipt(paths, table + profiles)
    chosen = {disk.canonical(place.manifest_path) for place in targets.named(table, browsers or ()) + profiles}
    plan = plan_uninstall.plan(paths, receipt, chosen or None)
    directories = registrar.uninstall(plan)
    return UninstallReport(
        removed=tuple(removal.path for removal in plan.removals if removal.remove),
        restored=tuple(removal.path for removal in plan.removals if removal.backup),
        kept=plan.kept,
        directories=directories,
    )


def status(paths: InstallPaths, *, profile_dirs: Iterable[Path] = (), interpreter: Path | None = None) -> StatusReport:
    """What stands where, for every browser of the table, the profile directories installed for, and those given.

    Raises:
        UnsupportedPlatform, UnusablePath
    """
    registrar = current_registrar()
    table, profiles = targets.table(registrar, paths), targets.profiles(profile_dirs)
    receipt = current_receipt(paths, table + profiles)
    places = table + profiles + targets.recorded(receipt, table, table + profiles)
    return statuses.report(registrar, paths, places, receipt, _interpreter(interpreter))


def _report(plan: InstallPlan, extension_ids: tuple[str, ...]) -> InstallReport:
    return InstallReport(
        changed=plan.receipt is not None or bool(plan.writes),
        manifests=tuple(
            InstalledManifest(place.browser, place.name, place.manifest_path, file.outcome, file.write.backup)
            for place, file in plan.manifests
        ),
        launcher=plan.launcher.write.path,
        launcher_outcome=plan.launcher.outcome,
        receipt=plan.receipt_path,
        extension_ids=extension_ids,
    )


def _interpreter(given: Path | None) -> Path:
    interpreter = given or Path(sys.executable)
    if not interpreter.is_absolute():
        raise UnusablePath(interpreter, "is not absolute, so browsers could not start this Python")
    return interpreter
