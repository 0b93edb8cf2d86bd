"""The interpreter and the code behind the launcher: refused and reported where another user could change them."""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from installer import errors, programs, status
from installer.doctor import Severity, examine
from installer.trust import User, require_safe_file
from tests.installer.sandbox import Sandbox

_ME = User(os.geteuid(), private_gid=None)
_OTHER = 4242
_ACL_VERSION = struct.pack("<I", 2)


def _open_folder(it: Sandbox) -> Path:
    it.interpreter.parent.chmod(0o777)
    return it.interpreter.parent


def _open_file(it: Sandbox) -> Path:
    it.interpreter.chmod(0o777)
    return it.interpreter


def _folder_above(it: Sandbox) -> Path:
    """Move the interpreter three folders below an open one."""
    above = it.interpreter.parent
    target = above / "a" / "b" / "python"
    target.parent.mkdir(parents=True)
    it.interpreter.rename(target)
    it.interpreter.symlink_to(target)
    above.chmod(0o1777)  # sticky: the link itself is safe there
    (above / "a").chmod(0o777)
    return above / "a"


def _behind_links(it: Sandbox) -> Path:
    """Put the interpreter behind a relative link in a link's folder."""
    shared = it.interpreter.parent.with_name("shared")
    shared.mkdir()
    it.interpreter.rename(shared / "python3")
    shared.with_name("way").symlink_to("shared")
    it.interpreter.symlink_to("../way/python3")
    shared.chmod(0o777)
    return shared


def _of_a_wrapper(it: Sandbox) -> Path:
    shared = it.interpreter.parent.with_name("shared")
    shared.mkdir()
    (shared / "sh").symlink_to("/bin/sh")
    it.interpreter.write_text(f"#!{shared}/sh -e\nexit 0\n")
    shared.chmod(0o777)
    return shared


def _packages(it: Sandbox) -> Path:
    packages = it.interpreter.parent.parent / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    packages.chmod(0o777)
    return packages


_HARMS = [_open_folder, _open_file, _folder_above, _behind_links, _of_a_wrapper, _packages]


@pytest.mark.parametrize("harm", _HARMS)
def test_s17_a_program_that_others_can_change_is_refused(sandbox: Sandbox, harm: Callable[[Sandbox], Path]) -> None:
    sandbox.add_browser("chrome")
    changeable = harm(sandbox)
    before = sandbox.tree()
    with pytest.raises(errors.UnsafeLocation) as caught:
        sandbox.install()
    assert caught.value.details["directory"] == str(changeable)
    assert sandbox.tree() == before, "nothing was written"


@pytest.mark.parametrize("harm", _HARMS)
def test_s17_a_program_that_others_can_change_is_reported(sandbox: Sandbox, harm: Callable[[Sandbox], Path]) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    changeable = harm(sandbox)
    report = status(sandbox.paths, interpreter=sandbox.interpreter)
    assert not report.ready
    launcher = {finding.check: finding for finding in examine(report)}["launcher"]
    assert (launcher.severity, launcher.fix) == (Severity.PROBLEM, None)
    assert str(changeable) in launcher.message
    assert launcher.remedy


@pytest.mark.parametrize("part", ["launcher", "launcher's folder", "manifest"])
def test_s17_our_own_files_that_others_can_change_are_reported(sandbox: Sandbox, part: str) -> None:
    sandbox.add_browser("chrome")
    sandbox.install()
    launcher, manifest = sandbox.paths.launcher, sandbox.manifest_path("chrome")
    {"launcher": launcher, "launcher's folder": launcher.parent, "manifest": manifest}[part].chmod(0o777)
    report = status(sandbox.paths, interpreter=sandbox.interpreter)
    assert not report.ready
    assert [it for it in examine(report) if it.severity is Severity.PROBLEM and "can be changed" in it.message]


def test_s17_a_program_of_another_user_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.touch()
    me = _ME
    if os.geteuid() == 0:
        os.chown(program, _OTHER, -1)
    else:
        me = User(os.geteuid() + 1, private_gid=None)
    with pytest.raises(errors.UnsafeLocation, match="belongs to user"):
        require_safe_file(program, me)


def test_s17_a_sticky_folder_is_no_danger_to_a_program(sandbox: Sandbox) -> None:
    sandbox.interpreter.parent.chmod(0o1777)
    sandbox.install("chrome")
    assert status(sandbox.paths, interpreter=sandbox.interpreter).launcher.problem is None
    sandbox.interpreter.chmod(0o1777)
    with pytest.raises(errors.UnsafeLocation):
        sandbox.install("chrome")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another group")
def test_s17_a_group_with_members_may_not_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    for gid, is_safe in ((50, True), (0, False), (_OTHER, False)):  # staff of Debian is empty
        os.chown(tmp_path, 0, gid)
        tmp_path.chmod(0o2775)
        if is_safe:
            require_safe_file(tmp_path, _ME)
            continue
        with pytest.raises(errors.UnsafeLocation):
            require_safe_file(tmp_path, _ME)


def test_s17_an_access_control_list_is_no_private_group(tmp_path: Path) -> None:
    """The mode's group bits are the list's mask: they show what another user was given."""
    nobody = 65534
    entries = [(0x01, 7, -1), (0x02, 7, nobody), (0x04, 7, -1), (0x10, 7, -1), (0x20, 5, -1)]
    value = _ACL_VERSION + b"".join(struct.pack("<HHI", tag, mode, who & 0xFFFFFFFF) for tag, mode, who in entries)
    user = User(os.geteuid(), private_gid=tmp_path.stat().st_gid)
    tmp_path.chmod(0o775)
    require_safe_file(tmp_path, user)
    try:
        os.setxattr(tmp_path, "system.posix_acl_access", value)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o775
    with pytest.raises(errors.UnsafeLocation):
        require_safe_file(tmp_path, user)


def test_s17_a_way_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for way in (tmp_path / "loop" / "python", tmp_path / "file" / "python"):
        with pytest.raises(errors.UnusablePath):
            require_safe_file(way, _ME)
    require_safe_file(tmp_path / "none" / "python", _ME)


def test_s17_the_code_of_this_environment_is_checked() -> None:
    files = set(programs.of(Path(sys.executable)))
    packages = Path(pytest.__file__).parent.parent
    assert {packages, Path(os.__file__).parent} <= files
    assert any(file.name == "host.py" and file.is_file() for file in files)
