"""``doctor`` itself: what is looked at in which order, how it is told, and what ``--fix`` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import installer
from installer import doctor as browsers
from installer.doctor import INSTALL, Finding, Severity
from installer.errors import InstallError
from installer.paths import InstallPaths
from native_host.cli import exit_status
from native_host.cli.asking import ask, ask_if_running
from native_host.cli.doctor import engines, handshake, http, storage
from native_host.cli.installation import install_paths
from native_host.cli.options import Json
from native_host.cli.terminal import FLAGS, Terminal, session
from native_host.cli.words import duration
from native_host.protocol.errors import TabAgentError
from native_host.settings import Resolved, SettingsError, resolve, resolve_directories
from native_host.transports.http.access import token_path

_HOST = "Host"
_MARKS = {
    Severity.OK: ("✓", "green"),
    Severity.NOTE: ("·", "dim"),
    Severity.WARNING: ("!", "yellow"),
    Severity.PROBLEM: ("✗", "red"),
}
Fix = Annotated[bool, typer.Option("--fix", help="Repair what can be repaired without harm, then look again.")]
Quick = Annotated[bool, typer.Option("--quick", help="Leave out what takes long: engines, and one token.")]


def doctor(fix: Fix = False, quick: Quick = False, json_output: Json = False) -> None:
    """Look at everything that must work, and tell what to do. Exit status 1 where there is a problem."""
    with session(as_json=json_output, needs_settings=False) as terminal:
        resolved, wrong = _resolved()
        paths = install_paths(resolved.settings)
        repairs = _repairs(paths, resolved)
        by_subject = _look(terminal, _subjects(terminal, resolved, wrong, paths, quick=quick))
        fixed: list[str] = []
        needed = {it.fix for findings in by_subject.values() for it in findings}
        if fix and needed & repairs.keys():
            fixed = [_repair(terminal, name, repair) for name, repair in repairs.items() if name in needed]
            again = {title for title, findings in by_subject.items() if any(_may_have_changed(it) for it in findings)}
            again.add(_HOST)  # another one may be registered now
            subjects = _subjects(terminal, resolved, wrong, paths, quick=quick)
            by_subject |= _look(terminal, ((title, findings) for title, findings in subjects if title in again))
        found = [it for findings in by_subject.values() for it in findings]
        problems = [it for it in found if it.severity is Severity.PROBLEM]
        if terminal.as_json:
            terminal.json({"ok": not problems, "findings": [asdict(it) for it in found], "fixed": fixed})
        else:
            _conclude(terminal, found, fixed, asked=fix)
    raise typer.Exit(exit_status.FAILED if problems else 0)


def _resolved() -> tuple[Resolved, SettingsError | None]:
    """The settings; where one is wrong, the directories alone, and what is wrong."""
    try:
        return resolve(FLAGS.get()), None
    except SettingsError as error:
        return resolve_directories(), error


def _look(terminal: Terminal, subjects: Iterable[tuple[str, Iterable[Finding]]]) -> dict[str, list[Finding]]:
    """Every finding by its subject, told as it is found."""
    found: dict[str, list[Finding]] = {}
    for title, findings in subjects:
        if not terminal.as_json:
            terminal.say(title, "bold")
        found[title] = []
        for finding in findings:
            found[title].append(finding)
            if not terminal.as_json:
                _tell(terminal, finding)
    return found


def _may_have_changed(finding: Finding) -> bool:
    """After repairs: what was repaired, and what may have failed because of it."""
    return finding.fix is not None or finding.severity is Severity.PROBLEM


def _subjects(
    terminal: Terminal, resolved: Resolved, wrong: SettingsError | None, paths: InstallPaths, *, quick: bool
) -> Iterator[tuple[str, Iterable[Finding]]]:
    if wrong is not None:  # no process of ours would start, and the file may name other folders
        yield "Settings and folders", [storage.wrong_setting(wrong)]
    else:
        yield "Settings and folders", _all(storage.settings(resolved), storage.folders(resolved.settings))
        yield "Browsers", _browsers(paths)
        yield "Background process", _broker(terminal)
        yield _HOST, _host(paths)
        yield "Processor", engines.processor(terminal)
    if not quick:
        yield "Engines", engines.engines()
    if wrong is None and not quick:
        yield "Model", engines.one_token(terminal)
    if wrong is None:
        yield "HTTP", http.examine(resolved.settings)
    yield "Disk", storage.disk()


def _browsers(paths: InstallPaths) -> Iterator[Finding]:
    try:
        yield from browsers.examine(installer.status(paths))
    except InstallError as error:
        yield Finding("browsers", Severity.PROBLEM, f"{error.code}: {error.message}")


def _host(paths: InstallPaths) -> Iterable[Finding]:
    """The handshake, unless another user could change the program that would be started."""
    try:
        unsafe = installer.status(paths).launcher.problem
    except InstallError:
        unsafe = None  # reported among the browsers
    if unsafe is None:
        return handshake.examine(_registered_host(paths))
    message = "The host was not started: another user could change it."
    return [Finding("handshake", Severity.PROBLEM, message, "Correct what is wrong with the launcher.")]


def _registered_host(paths: InstallPaths) -> Path:
    """The program that manifests name; before the first install, this environment's own."""
    return paths.launcher if paths.launcher.exists() else Path(sys.executable).with_name("tabagent-host")


def _broker(terminal: Terminal) -> Iterator[Finding]:
    check = "broker"
    try:
        ran = ask_if_running(terminal, "status") is not None
        status = ask(terminal, "status")
    except TabAgentError as error:
        yield engines.failed(check, error)
        return
    how = f"has run for {duration(status['uptime_s'])}" if ran else "was started for this"
    loaded = ", ".join(model["model"] for model in status["models"]) or "nothing"
    message = f"It {how}: pid {status['pid']}, loaded: {loaded}"
    yield Finding(check, Severity.OK, message)


def _repairs(paths: InstallPaths, resolved: Resolved) -> dict[str, Callable[[], Any]]:
    """What harms nothing, in the order in which to do it."""
    return {
        storage.CLOSE_CONFIG: lambda: resolved.file.chmod(0o600),
        storage.CLOSE_RUNTIME: lambda: resolved.settings.socket_path.parent.chmod(0o700),
        http.RENEW_TOKEN: lambda: token_path(resolved.settings).unlink(missing_ok=True),
        http.CLOSE_TOKEN: lambda: token_path(resolved.settings).chmod(0o600),
        INSTALL: lambda: installer.install(paths),
    }


def _repair(terminal: Terminal, name: str, repair: Callable[[], Any]) -> str:
    """Returns what was done, in words."""
    try:
        repair()
    except (InstallError, OSError) as error:
        done = f"{name} failed: {error}"
    else:
        done = f"{name} done"
    if not terminal.as_json:
        terminal.say(f"\n{done}\n", "bold")
    return done


def _all(*subjects: Iterable[Finding]) -> Iterator[Finding]:
    for findings in subjects:
        yield from findings


def _tell(terminal: Terminal, finding: Finding) -> None:
    mark, style = _MARKS[finding.severity]
    terminal.say(f"  {mark} {finding.message}", style)
    if finding.remedy:
        terminal.say(f"      {finding.remedy}", "dim" if finding.severity is Severity.NOTE else "")


def _conclude(terminal: Terminal, found: list[Finding], fixed: list[str], *, asked: bool) -> None:
    counts = {severity: sum(it.severity is severity for it in found) for severity in Severity}
    if not counts[Severity.PROBLEM] and not counts[Severity.WARNING]:
        terminal.say("\nEverything works.", "bold green")
        return
    problems, warnings = counts[Severity.PROBLEM], counts[Severity.WARNING]
    terminal.say(f"\n{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}.", "bold")
    if not asked and not fixed and any(it.fix for it in found):
        terminal.say("tabagent doctor --fix repairs what can be repaired without harm.")
