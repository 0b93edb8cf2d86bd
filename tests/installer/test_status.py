"""What status tells of an installation, whole or damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import manifests
from installer import StatusReport, status
from installer.manifest import ManifestState
from installer.reports import BrowserStatus
from tests.installer.sandbox import STABLE_BROWSERS, Sandbox


def _status(sandbox: Sandbox, **options: Any) -> StatusReport:
    return status(sandbox.paths, interpreter=sandbox.interpreter, **options)


def _of(report: StatusReport, browser: str | None) -> BrowserStatus:
    return next(entry for entry in report.browsers if entry.browser == browser)


def test_nothing_installed(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    before = sandbox.tree()
    report = _status(sandbox)
    assert not report.ready
    assert tuple(entry.browser for entry in report.browsers) == STABLE_BROWSERS
    assert {entry.browser for entry in report.browsers if entry.found} == {"chrome"}
    assert {entry.state for entry in report.browsers} == {ManifestState.MISSING}
    assert not report.launcher.exists
    assert report.launcher.interpreter is None
    assert sandbox.tree() == before


def test_installed(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    sandbox.install(extension_ids=["a" * 32])
    report = _status(sandbox)
    assert report.ready
    assert report.extension_ids == ("a" * 32,)
    chrome = _of(report, "chrome")
    assert chrome.state is ManifestState.OURS
    assert chrome.host_path == sandbox.paths.launcher
    assert chrome.extension_ids == (*manifests.extensions().chromium, "a" * 32)
    assert chrome.problem is None
    launcher = report.launcher
    assert launcher.exists
    assert launcher.executable
    assert launcher.current
    assert launcher.interpreter == sandbox.interpreter
    assert launcher.interpreter_exists


def test_stale_foreign_broken(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "edge", "brave")
    sandbox.install("chrome", "edge", "brave")
    text = sandbox.manifest_path("chrome").read_text(encoding="utf-8")
    sandbox.manifest_path("chrome").write_text(text.replace("local AI", "an older one"), encoding="utf-8")
    sandbox.add_foreign_manifest("edge")
    sandbox.manifest_path("brave").write_bytes(b"{")
    report = _status(sandbox)
    assert not report.ready
    assert _of(report, "chrome").state is ManifestState.STALE
    assert _of(report, "edge").state is ManifestState.FOREIGN
    assert _of(report, "edge").host_path == Path("/opt/other/host")
    assert _of(report, "brave").state is ManifestState.BROKEN
    assert "JSON" in (_of(report, "brave").problem or "")


def test_a_launcher_that_cannot_run(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    sandbox.interpreter.unlink()
    assert not _status(sandbox).launcher.interpreter_exists
    assert not _status(sandbox).ready
    sandbox.paths.launcher.chmod(0o644)
    assert not _status(sandbox).launcher.executable
    sandbox.paths.launcher.unlink()
    assert not _status(sandbox).launcher.exists


def test_a_launcher_of_another_environment_is_not_current(sandbox: Sandbox) -> None:
    sandbox.install("chrome", interpreter=Path("/old/python"))
    assert not _status(sandbox).launcher.current


def test_folders_of_our_own_making_prove_no_browser(sandbox: Sandbox) -> None:
    sandbox.install("chrome", "firefox")
    assert not any(entry.found for entry in _status(sandbox).browsers)
    assert _status(sandbox).ready
    sandbox.add_browser("edge")
    (sandbox.paths.config_home / "google-chrome" / "First Run").touch()
    assert _of(_status(sandbox), "chrome").found


def test_profile_directories_are_remembered(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.install(profile_dirs=[tmp_path / "one"])
    report = _status(sandbox, profile_dirs=[tmp_path / "two"])
    states = {entry.name: entry.state for entry in report.browsers if entry.browser is None}
    assert states == {
        f"profile {tmp_path / 'one'}": ManifestState.OURS,
        f"profile {tmp_path / 'two'}": ManifestState.MISSING,
    }


def test_a_sandboxed_browser_is_told_of(sandbox: Sandbox) -> None:
    (sandbox.paths.home / ".var" / "app" / "org.chromium.Chromium").mkdir(parents=True)
    chromium = _of(_status(sandbox), "chromium")
    assert chromium.sandboxed
    assert not chromium.found
    assert "Flatpak" in (chromium.problem or "")


def test_an_unsafe_folder_is_told_of(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    (sandbox.paths.config_home / "google-chrome").chmod(0o777)
    report = _status(sandbox)
    assert "chmod" in (_of(report, "chrome").problem or "")
    assert not report.ready
