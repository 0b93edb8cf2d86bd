"""Places that are refused, and crashes at every point."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from installer import atomic, errors
from installer.trust import User, require_safe
from tests.installer.sandbox import Sandbox

_ME = User(os.geteuid(), private_gid=None)
_MAX_STEPS = 40


def _die(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _in_child(action: Callable[[], object]) -> int:
    """Runs ``action`` in a forked process; returns the signal that ended it, 0 if none did."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _killed_at(step: int, action: Callable[[], object]) -> bool:
    """Kills the process just before the given change to the disk; false if there are fewer."""

    def run() -> None:
        left = step

        def counted(change: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                if left == 0:
                    _die()
                left -= 1
                return change(*args, **kwargs)

            return counting

        with pytest.MonkeyPatch.context() as patch:
            for owner, name in [
                (Path, "mkdir"),
                (Path, "replace"),
                (Path, "unlink"),
                (Path, "rmdir"),
                (os, "fchmod"),
                (os, "fsync"),
            ]:
                patch.setattr(owner, name, counted(getattr(owner, name)))
            action()

    return _in_child(run) == signal.SIGKILL


@pytest.mark.parametrize("call", ["fchmod", "fsync"])
def test_a_killed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "file"
    atomic.write(path, b"old", 0o640)
    monkeypatch.setattr(os, call, _die)
    assert _in_child(lambda: atomic.write(path, b"new", 0o755)) == signal.SIGKILL
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert len(atomic.leftovers(path)) == 1
    assert atomic.leftovers(tmp_path / "other") == atomic.leftovers(tmp_path / "no" / "folder") == ()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic.write(tmp_path / "file", b"new", 0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_replaces_a_link_and_not_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    atomic.write(tmp_path / "link", b"new", 0o644)
    assert not (tmp_path / "target").exists()


def test_a_killed_install_is_repaired_by_another(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    sandbox.add_foreign_manifest("chrome")
    before = sandbox.tree()
    sandbox.install(force=True)
    complete = sandbox.tree()
    sandbox.uninstall()
    for step in range(_MAX_STEPS):
        killed = _killed_at(step, lambda: sandbox.install(force=True))
        sandbox.install(force=True)
        assert _files(sandbox.tree()) == _files(complete), f"killed at {step}"
        sandbox.uninstall()
        assert _files(sandbox.tree()) == _files(before), f"killed at {step}"
        if not killed:
            break
    else:
        pytest.fail("never came to its end")


def test_a_killed_install_is_cleaned_up_by_uninstall(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    sandbox.add_foreign_manifest("chrome")
    before = sandbox.tree()
    for step in range(_MAX_STEPS):
        killed = _killed_at(step, lambda: sandbox.install(force=True))
        sandbox.uninstall()
        assert _files(sandbox.tree()) == _files(before), f"killed at {step}"
        if not killed:
            break
    else:
        pytest.fail("never came to its end")
    assert sandbox.tree() == before


def test_a_killed_update_is_still_ours_to_remove(sandbox: Sandbox) -> None:
    before = sandbox.tree()
    for step in range(_MAX_STEPS):
        sandbox.install("chrome", "firefox", interpreter=Path("/old/python"))
        killed = _killed_at(step, lambda: sandbox.install("chrome", "firefox", extension_ids=["a" * 32]))
        assert sandbox.uninstall().kept == ()
        assert sandbox.tree() == before, f"killed at {step}"
        if not killed:
            break
    else:
        pytest.fail("never came to its end")


def test_a_killed_uninstall_is_finished_by_another(sandbox: Sandbox) -> None:
    sandbox.add_browser("chrome", "firefox")
    sandbox.add_foreign_manifest("chrome")
    before = sandbox.tree()
    for step in range(_MAX_STEPS):
        sandbox.install(force=True)
        killed = _killed_at(step, sandbox.uninstall)
        assert set(sandbox.uninstall().kept) <= {sandbox.manifest_path("chrome")}, "the other program's, back already"
        assert _files(sandbox.tree()) == _files(before), f"killed at {step}"
        if not killed:
            break
    else:
        pytest.fail("never came to its end")


def test_a_disk_that_fails_half_way_is_told_and_repaired(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sandbox.tree()
    write, calls = atomic.write, 0

    def failing(path: Path, content: bytes, mode: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "No space left on device")
        write(path, content, mode)

    monkeypatch.setattr(atomic, "write", failing)
    with pytest.raises(errors.NotWritable, match="No space left"):
        sandbox.install("chrome", "firefox")
    monkeypatch.undo()
    assert sandbox.install("chrome", "firefox").changed
    assert not sandbox.install("chrome", "firefox").changed
    sandbox.uninstall()
    assert sandbox.tree() == before


def test_a_file_where_a_folder_belongs_is_told_before_anything_is_written(sandbox: Sandbox) -> None:
    (sandbox.paths.config_home / "google-chrome").touch()
    before = sandbox.tree()
    with pytest.raises(errors.NotWritable, match="not a directory"):
        sandbox.install("firefox", "chrome")
    assert sandbox.tree() == before


def test_a_folder_without_write_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
    with pytest.raises(errors.NotWritable, match="no permission"):
        require_safe(tmp_path / "new" / "folder", _ME)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_folder_that_others_can_change_is_refused(sandbox: Sandbox, mode: int) -> None:
    sandbox.add_browser("chrome")
    shared = sandbox.paths.config_home / "google-chrome"
    shared.chmod(mode)
    with pytest.raises(errors.UnsafeLocation):
        require_safe(shared / "NativeMessagingHosts", _ME)
    if mode & 0o002:
        before = sandbox.tree()
        with pytest.raises(errors.UnsafeLocation) as caught:
            sandbox.install()
        assert caught.value.details["directory"] == str(shared)
        assert sandbox.tree() == before


def test_the_data_directory_is_checked_as_well(sandbox: Sandbox) -> None:
    sandbox.paths.data_dir.parent.chmod(0o777)
    with pytest.raises(errors.UnsafeLocation):
        sandbox.install("chrome")


def test_a_sticky_folder_is_no_danger(sandbox: Sandbox) -> None:
    sandbox.paths.data_dir.parent.chmod(0o1777)
    sandbox.install("chrome")


def test_a_group_of_the_user_alone_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    require_safe(tmp_path, User(os.geteuid(), private_gid=tmp_path.stat().st_gid))
    with pytest.raises(errors.UnsafeLocation):
        require_safe(tmp_path, _ME)


def test_the_group_of_root_is_not_private() -> None:
    assert User.current().private_gid != 0


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 4242, -1)
        me = _ME
    else:
        me = User(os.geteuid() + 1, private_gid=None)
    with pytest.raises(errors.UnsafeLocation, match="belongs to user"):
        require_safe(tmp_path / "folder", me)


def test_links_are_followed_to_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open" / "safe").mkdir()
    (tmp_path / "link").symlink_to("nested/../open/safe")
    (tmp_path / "nested").mkdir()
    with pytest.raises(errors.UnsafeLocation) as caught:
        require_safe(tmp_path / "link", _ME)
    assert caught.value.details["directory"] == str(tmp_path / "open")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(errors.NotWritable):
        require_safe(tmp_path / "loop", _ME)


def _files(tree: dict[str, tuple[str, int, bytes]]) -> dict[str, tuple[str, int, bytes]]:
    """A crash may leave an empty directory of ours, and our receipt lists those it found; files must be exact."""
    return {name: entry for name, entry in tree.items() if entry[0] == "file" and not name.endswith("install.json")}
