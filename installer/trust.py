"""Checks that no other user can change a file that we write or start, or a folder on the way to it.

A browser starts what the manifest names: a user who can replace the manifest, the launcher, the interpreter or the code
runs programs as this user. The file and every folder on the way, each symbolic link followed, must belong to the user
or root and be writable by no other user. Exceptions: sticky folders such as /tmp, where others cannot rename the
entries of this user; write permission for the group that holds only this user (the umask 002 of Debian and Fedora); and
write permission for a system group without members on a folder of root (Debian's ``staff`` on /usr/local). An access
control list that grants more than the mode shows is no exception.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from installer.errors import NotWritable, UnsafeLocation, UnusablePath

_MAX_LINKS = 40  # as the kernel
_ROOT = 0
_FIRST_USER_GROUP = 1000  # groups below are the system's: the default GID_MIN of login.defs
_ACL = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class User:
    """Whose files are trusted beside root's."""

    uid: int
    private_gid: int | None

    @classmethod
    def current(cls) -> User:
        """The user this process acts as."""
        uid = os.geteuid()
        return cls(uid, _private_group(uid))


def require_safe(directory: Path, user: User) -> None:
    """Checks the way to ``directory``, which need not exist yet.

    Raises:
        UnsafeLocation: somebody else could change it.
        NotWritable: something on the way is no directory, or this process may not write there.
    """
    last = Path(directory.anchor)
    try:
        for step, entry in _way_to(directory):
            if not stat.S_ISLNK(entry.st_mode) and not stat.S_ISDIR(entry.st_mode):
                raise NotWritable(directory, f"{step} is not a directory")
            _require_closed(directory, step, entry, user)
            if stat.S_ISDIR(entry.st_mode):
                last = step
    except OSError as error:
        raise NotWritable(directory, error.strerror or str(error)) from error
    if not os.access(last, os.W_OK | os.X_OK):
        raise NotWritable(directory, f"no permission to write in {last}")


def require_safe_file(file: Path, user: User) -> None:
    """Checks ``file`` (or folder) and the way to it, as far as they exist. Write permission is not needed.

    Raises:
        UnsafeLocation: somebody else could change it.
        UnusablePath: the way to it leads nowhere.
    """
    try:
        for step, entry in _way_to(file):
            _require_closed(file, step, entry, user)
    except OSError as error:
        raise UnusablePath(file, f"cannot be read: {error.strerror or error}") from error


def _require_closed(path: Path, step: Path, entry: os.stat_result, user: User) -> None:
    if entry.st_uid not in (user.uid, _ROOT):
        raise UnsafeLocation(path, step, f"belongs to user {entry.st_uid}")
    if not stat.S_ISLNK(entry.st_mode) and not _closed_to_others(step, entry, user):
        raise UnsafeLocation(path, step, "can be changed by other users")


def _closed_to_others(step: Path, entry: os.stat_result, user: User) -> bool:
    if stat.S_ISDIR(entry.st_mode) and entry.st_mode & stat.S_ISVTX:
        return True
    if entry.st_mode & stat.S_IWOTH:
        return False
    if not entry.st_mode & stat.S_IWGRP:
        return True
    is_closed_group = entry.st_gid == user.private_gid or (entry.st_uid == _ROOT and _is_empty_group(entry.st_gid))
    return is_closed_group and not _has_acl(step)


def _is_empty_group(gid: int) -> bool:
    """Return True for a group of the system without members; root's group never counts, containers share it."""
    if gid == _ROOT or gid >= _FIRST_USER_GROUP:
        return False
    try:
        members = grp.getgrgid(gid).gr_mem
    except KeyError:
        return False
    return not members and all(user.pw_gid != gid for user in pwd.getpwall())


def _has_acl(path: Path) -> bool:
    """Return True if an access control list gives the mode's group bits to other users or groups as well."""
    try:
        return _ACL in os.listxattr(path)
    except OSError:
        return False  # a file system without attributes has no lists


def _way_to(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every existing directory and symbolic link passed when the system opens ``path``, outermost first."""
    here = Path(path.anchor)
    yield here, here.lstat()
    ahead = list(reversed(path.parts[1:]))
    links = 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            here = here.parent
            continue
        step = here / part
        try:
            entry = step.lstat()
        except FileNotFoundError:
            return
        yield step, entry
        if not stat.S_ISLNK(entry.st_mode):
            here = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = step.readlink()
        ahead.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
        here = Path(target.anchor) if target.is_absolute() else here


def _private_group(uid: int) -> int | None:
    """The user's own group, if the user is its only member; root's group never counts, systems share it."""
    try:
        user = pwd.getpwuid(uid)
        group = grp.getgrgid(user.pw_gid)
    except KeyError:
        return None
    alone = group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return group.gr_gid if alone and group.gr_gid != _ROOT else None
