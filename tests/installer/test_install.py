"""Installing and uninstalling in a user's home: what is written, and that all of it goes again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from installer import InstallPaths, InstallReport, as_json, errors, install, uninstall
from installer.plan_install import backup_of
from installer.reports import Outcome
from tests.installer.sandbox import STABLE_BROWSERS, Sandbox

_EXTRA = "a" * 32


def _outcomes(report: InstallReport) -> dict[str | None, Outcome]:
    return {entry.browser: entry.outcome for entry in report.manifests}


def test_round_trip_leaves_the_home_as_it_was(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    before = sandbox.tree()
    report = sandbox.install(*STABLE_BROWSERS)
    assert set(_outcomes(report).values()) == {Outcome.INSTALLED}
    assert report.launcher_outcome is Outcome.INSTALLED
    gone = sandbox.uninstall()
    assert sandbox.tree() == before
    assert set(gone.removed) == {report.launcher} | {entry.manifest_path for entry in report.manifests}
    assert gone.restored == gone.kept == ()
    assert sandbox.uninstall() == type(gone)((), (), (), ())


def test_what_is_written(sandbox: Sandbox) -> None:
    sandbox.install("chrome", "firefox", extension_ids=[_EXTRA, "extra@example.org"])
    launcher = sandbox.paths.launcher
    assert launcher.stat().st_mode & 0o777 == 0o755
    for name in ("chrome", "firefox"):
        assert sandbox.manifest_path(name).stat().st_mode & 0o777 == 0o644
        assert sandbox.manifest(name)["path"] == str(launcher)
    assert sandbox.manifest("chrome")["allowed_origins"][-1] == f"chrome-extension://{_EXTRA}/"
    assert sandbox.manifest("firefox")["allowed_extensions"][-1] == "extra@example.org"
    result = subprocess.run([launcher, "an origin"], env={"PATH": ""}, cwd="/", capture_output=True, check=True)
    assert result.stdout.decode().splitlines()[0] == f"{_EXTRA},extra@example.org"
    assert result.stdout.decode().splitlines()[-1] == "an origin"


def test_the_umask_decides_nothing(sandbox: Sandbox) -> None:
    before = os.umask(0o077)
    try:
        sandbox.install("chrome")
        assert sandbox.paths.launcher.stat().st_mode & 0o777 == 0o755
        os.umask(0)
        sandbox.install("chrome", "edge")
        assert sandbox.manifest_path("edge").parent.stat().st_mode & 0o022 == 0
    finally:
        os.umask(before)


def test_the_interpreter_is_not_resolved_out_of_its_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    linked = tmp_path / "venv-python"
    linked.symlink_to(sandbox.interpreter)
    sandbox.install("chrome", interpreter=linked)
    assert str(linked) in sandbox.paths.launcher.read_text(encoding="utf-8")


def test_the_interpreter_defaults_to_this_one(sandbox: Sandbox) -> None:
    install(sandbox.paths, browsers=["chrome"])
    assert sys.executable in sandbox.paths.launcher.read_text(encoding="utf-8")


def test_installing_again_changes_nothing(sandbox: Sandbox) -> None:
    assert sandbox.install("chrome", "firefox").changed
    before, times = sandbox.tree(), sandbox.paths.receipt.stat().st_mtime_ns
    again = sandbox.install("chrome", "firefox")
    assert not again.changed
    assert set(_outcomes(again).values()) == {again.launcher_outcome} == {Outcome.UNCHANGED}
    assert (sandbox.tree(), sandbox.paths.receipt.stat().st_mtime_ns) == (before, times)


def test_browsers_are_found_by_their_folder(sandbox: Sandbox) -> None:
    sandbox.add_browser("brave", "firefox")
    assert _outcomes(sandbox.install()) == {"brave": Outcome.INSTALLED, "firefox": Outcome.INSTALLED}


def test_an_empty_folder_is_proof_enough_but_not_one_of_our_own(sandbox: Sandbox) -> None:
    (sandbox.paths.config_home / "chromium").mkdir()
    sandbox.install("chrome")
    assert set(_outcomes(sandbox.install())) == {"chromium", "chrome"}, "chrome as installed earlier"
    sandbox.uninstall("chromium")
    (sandbox.paths.config_home / "chromium").rmdir()
    sandbox.manifest_path("chrome").unlink()
    sandbox.uninstall()
    with pytest.raises(errors.NoBrowserFound):
        sandbox.install()


def test_no_browser_found(sandbox: Sandbox) -> None:
    (sandbox.paths.home / "snap" / "firefox").mkdir(parents=True)
    before = sandbox.tree()
    with pytest.raises(errors.NoBrowserFound) as caught:
        sandbox.install()
    assert caught.value.details["sandboxed"] == ["Firefox"]
    assert sandbox.tree() == before


def test_two_browsers_share_one_launcher_until_the_last_goes(sandbox: Sandbox) -> None:
    before = sandbox.tree()
    sandbox.install("chrome", "firefox")
    gone = sandbox.uninstall("chrome")
    assert gone.removed == (sandbox.manifest_path("chrome"),)
    assert sandbox.paths.launcher.exists()
    assert not sandbox.manifest_path("chrome").parent.exists()
    sandbox.uninstall("firefox")
    assert sandbox.tree() == before


def test_installing_for_one_more_browser_keeps_all_in_step(sandbox: Sandbox) -> None:
    sandbox.install("chrome", extension_ids=[_EXTRA])
    report = sandbox.install("edge")
    assert report.extension_ids == (_EXTRA,)
    assert sandbox.manifest("edge")["allowed_origins"] == sandbox.manifest("chrome")["allowed_origins"]
    report = sandbox.install("edge", extension_ids=[])
    assert _outcomes(report) == {"edge": Outcome.UPDATED, "chrome": Outcome.UPDATED}
    assert len(sandbox.manifest("chrome")["allowed_origins"]) == 1


def test_a_manifest_the_user_removed_is_not_brought_back_by_another_install(sandbox: Sandbox) -> None:
    sandbox.install("chrome", "edge")
    sandbox.manifest_path("chrome").unlink()
    assert set(_outcomes(sandbox.install("edge"))) == {"edge"}
    assert not sandbox.manifest_path("chrome").exists()


def test_a_profile_directory_alone_touches_no_browser(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_browser("chrome")
    before = sandbox.tree()
    profile = tmp_path / "profile & more"
    report = sandbox.install(profile_dirs=[profile])
    path = profile / "NativeMessagingHosts" / "com.tabagent.host.json"
    assert [entry.manifest_path for entry in report.manifests] == [path]
    assert json.loads(path.read_text(encoding="utf-8"))["path"] == str(sandbox.paths.launcher)
    assert not sandbox.manifest_path("chrome").exists()
    sandbox.uninstall(profile_dirs=[profile])
    assert sandbox.tree() == before
    assert not profile.exists()


def test_an_outdated_path_of_ours_is_pointed_anew(sandbox: Sandbox) -> None:
    sandbox.install("chrome")
    moved = InstallPaths(sandbox.paths.home, sandbox.paths.config_home, sandbox.paths.data_dir.with_name("moved"))
    sandbox.paths.data_dir.rename(moved.data_dir)
    report = install(moved, interpreter=sandbox.interpreter, browsers=["chrome"])
    assert _outcomes(report) == {"chrome": Outcome.UPDATED}
    assert sandbox.manifest("chrome")["path"] == str(moved.launcher)
    uninstall(moved)
    assert not sandbox.manifest_path("chrome").exists()


def test_an_upgrade_points_the_launcher_at_the_new_interpreter(sandbox: Sandbox) -> None:
    sandbox.install("chrome", interpreter=Path("/old/python"))
    report = sandbox.install("chrome")
    assert report.launcher_outcome is Outcome.UPDATED
    assert _outcomes(report) == {"chrome": Outcome.UNCHANGED}


def test_a_foreign_manifest_is_left_alone(sandbox: Sandbox) -> None:
    sandbox.add_foreign_manifest("chrome")
    before = sandbox.tree()
    with pytest.raises(errors.ForeignManifest) as caught:
        sandbox.install("chrome", "firefox")
    assert caught.value.details == {"paths": [str(sandbox.manifest_path("chrome"))]}
    assert sandbox.tree() == before


def test_force_replaces_a_foreign_manifest_until_uninstall(sandbox: Sandbox) -> None:
    content = sandbox.add_foreign_manifest("chrome")
    before = sandbox.tree()
    report = sandbox.install("chrome", force=True)
    (entry,) = report.manifests
    assert entry.outcome is Outcome.REPLACED
    assert entry.backup is not None
    assert entry.backup.read_bytes() == content
    assert not sandbox.install("chrome").changed
    assert sandbox.uninstall().restored == (sandbox.manifest_path("chrome"),)
    assert sandbox.tree() == before


@pytest.mark.parametrize("content", [b"", b"{", b"x" * (2 << 20)])
def test_a_broken_manifest_that_is_not_ours_needs_force(sandbox: Sandbox, content: bytes) -> None:
    path = sandbox.manifest_path("chrome")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    before = sandbox.tree()
    with pytest.raises(errors.ForeignManifest):
        sandbox.install("chrome")
    sandbox.install("chrome", force=True)
    sandbox.uninstall()
    assert sandbox.tree() == before


def test_a_pipe_a_folder_or_a_link_in_the_way_is_foreign_too(sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        path = sandbox.manifest_path("chrome")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        before = sandbox.tree()
        with pytest.raises(errors.ForeignManifest):
            sandbox.install("chrome")
        sandbox.install("chrome", force=True)
        assert not path.is_symlink()
        sandbox.uninstall()
        assert sandbox.tree() == before
        path.unlink()


def test_a_broken_manifest_of_ours_is_repaired(sandbox: Sandbox) -> None:
    sandbox.install("chrome")
    sandbox.manifest_path("chrome").write_bytes(b"{")
    assert _outcomes(sandbox.install("chrome")) == {"chrome": Outcome.UPDATED}
    assert not backup_of(sandbox.manifest_path("chrome")).exists()


def test_wrong_permissions_of_ours_are_repaired(sandbox: Sandbox) -> None:
    sandbox.install("chrome")
    sandbox.manifest_path("chrome").chmod(0o666)
    sandbox.paths.launcher.chmod(0o644)
    report = sandbox.install("chrome")
    assert _outcomes(report) == {"chrome": Outcome.UPDATED}
    assert report.launcher_outcome is Outcome.UPDATED


def test_one_folder_linked_into_another_is_one_manifest(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "edge")
    content = sandbox.add_foreign_manifest("chrome")
    edge = sandbox.manifest_path("edge").parent
    edge.symlink_to(sandbox.manifest_path("chrome").parent)
    before = sandbox.tree()
    report = sandbox.install("chrome", "edge", force=True)
    assert {entry.backup.read_bytes() for entry in report.manifests if entry.backup} == {content}
    assert not sandbox.install("edge", "chrome").changed
    sandbox.uninstall()
    assert sandbox.tree() == before


def test_uninstall_leaves_what_somebody_changed(sandbox: Sandbox) -> None:
    sandbox.install("chrome", "edge")
    path = sandbox.manifest_path("chrome")
    path.write_bytes(path.read_bytes() + b"\n")
    gone = sandbox.uninstall()
    assert gone.kept == (path,)
    assert path.exists()
    assert not sandbox.manifest_path("edge").exists()
    assert not sandbox.paths.data_dir.exists()


def test_uninstall_leaves_other_files_in_our_folders(sandbox: Sandbox) -> None:
    sandbox.install("chrome")
    others = [sandbox.paths.data_dir / "models", sandbox.manifest_path("chrome").with_name("com.other.json")]
    for path in others:
        path.touch()
    sandbox.uninstall()
    assert all(path.exists() for path in others)
    assert not sandbox.paths.launcher.parent.exists()


def test_a_lost_receipt_is_no_hindrance(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    before = sandbox.tree()
    sandbox.install(extension_ids=[_EXTRA])
    for path in (sandbox.paths.receipt, sandbox.paths.launcher):
        path.unlink()
    sandbox.paths.launcher.parent.rmdir()
    sandbox.paths.data_dir.rmdir()
    assert sandbox.uninstall("chrome").removed == (sandbox.manifest_path("chrome"),)
    assert sandbox.uninstall().removed == (sandbox.manifest_path("firefox"),)
    left = {name: entry for name, entry in sandbox.tree().items() if entry[0] == "file"}
    assert left == {name: entry for name, entry in before.items() if entry[0] == "file"}


def test_an_unreadable_receipt_is_made_anew(sandbox: Sandbox) -> None:
    sandbox.install("chrome", extension_ids=[_EXTRA])
    sandbox.paths.receipt.write_bytes(b"{")
    report = sandbox.install("chrome")
    assert report.extension_ids == (_EXTRA,)
    assert report.launcher_outcome is Outcome.UNCHANGED
    assert len(sandbox.uninstall().removed) == 2


def test_unknown_names_are_refused(sandbox: Sandbox) -> None:
    before = sandbox.tree()
    with pytest.raises(errors.UnknownBrowser, match="firefox"):
        sandbox.install("lynx")
    with pytest.raises(errors.UnknownBrowser):
        sandbox.uninstall("lynx")
    with pytest.raises(errors.BadExtensionId):
        sandbox.install("chrome", extension_ids=["*"])
    with pytest.raises(errors.UnusablePath):
        sandbox.install(profile_dirs=[Path("relative")])
    with pytest.raises(errors.UnusablePath):
        sandbox.install("chrome", interpreter=Path("python3"))
    assert sandbox.tree() == before


def test_other_systems_are_told_so(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(errors.UnsupportedPlatform):
        sandbox.install("chrome")


def test_reports_are_json(sandbox: Sandbox) -> None:
    report = as_json(sandbox.install("chrome"))
    assert json.loads(json.dumps(report)) == report
    assert isinstance(report, dict)
    assert report["launcher"] == str(sandbox.paths.launcher)
    with pytest.raises(TypeError):
        as_json(object())
