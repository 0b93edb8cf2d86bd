"""The way to the broker: find its socket, start it when it is absent.

Whoever finds no broker may start one. Two at once are harmless: a broker holds a lock for its life, and one that
does not get it leaves. The socket's folder is the user's own (0700), and the peer's uid is checked on both ends.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import sys
from pathlib import Path

from native_host.settings import Settings

CONNECT_LIMIT_S = 1.0
_PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class UnsafeLocation(Exception):
    """A folder that must be ours alone is not."""


def private_dir(path: Path) -> Path:
    """``path``, made if need be, and the user's own.

    Raises:
        UnsafeLocation: somebody else owns it, or others may enter it.
        OSError: it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UnsafeLocation(f"{path} is not a folder of this user")
    if status.st_mode & 0o077:
        raise UnsafeLocation(f"{path} is open to others; run: chmod 700 {path}")
    return path


def peer_uid(connection: socket.socket) -> int:
    """The user on the other end of a local socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
        return int(_PEER_CREDENTIALS.unpack(credentials)[1])
    raise OSError(errno.ENOTSUP, f"the user of a local socket's peer cannot be told on {sys.platform}")


def connect(settings: Settings) -> socket.socket | None:
    """A connection to the running broker, or None where there is none.

    Raises:
        UnsafeLocation: the socket belongs to somebody else.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_LIMIT_S)
    try:
        connection.connect(os.fspath(settings.socket_path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    if peer_uid(connection) != os.getuid():
        connection.close()
        raise UnsafeLocation(f"{settings.socket_path} is served by another user")
    return connection


def start_broker(settings: Settings) -> int:
    """Start a broker in a session of its own, so that it outlives the browser. Returns its pid.

    Raises:
        UnsafeLocation, OSError: its folder cannot be used.
    """
    private_dir(settings.socket_path.parent)
    settings.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-m", "native_host.broker"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.fspath(settings.log_dir / "broker.stderr"), append, 0o600),
        ],
        setsid=True,
    )
