"""Whether somebody else could swap a file we write: who can change any folder on the way to it.

A browser starts what the manifest names, so whoever can replace the manifest or the launcher runs programs as this
user. Every folder on the way, each symbolic link followed, must belong to the user or root and be writable by nobody
else. Two exceptions: sticky folders such as /tmp, where others cannot rename what is ours, and write permission for
the group that holds only this user (the umask 002 of Debian and Fedora).
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

from installer.errors import NotWritable, UnsafeLocation

_MAX_LINKS = 40  # as the kernel
_ROOT = 0


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
            if entry.st_uid not in (user.uid, _ROOT):
                raise UnsafeLocation(directory, step, f"belongs to user {entry.st_uid}")
            if stat.S_ISLNK(entry.st_mode):
                continue
            if not stat.S_ISDIR(entry.st_mode):
                raise NotWritable(directory, f"{step} is not a directory")
            if not _closed_to_others(entry, user):
                raise UnsafeLocation(directory, step, "can be changed by other users")
            last = step
    except OSError as error:
        raise NotWritable(directory, error.strerror or str(error)) from error
    if not os.access(last, os.W_OK | os.X_OK):
        raise NotWritable(directory, f"no permission to write in {last}")


def _closed_to_others(entry: os.stat_result, user: User) -> bool:
    if entry.st_mode & stat.S_ISVTX:
        return True
    writable_by_group = entry.st_mode & stat.S_IWGRP and entry.st_gid != user.private_gid
    return not (writable_by_group or entry.st_mode & stat.S_IWOTH)


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
