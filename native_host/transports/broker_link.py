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

from native_host.core.disk_errors import disk_errors
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.settings import Settings

CONNECT_LIMIT_S = 1.0
ASK_AFTER_S = 10.0
"""A broker that says nothing for so long, while requests are in flight, is asked whether it still runs."""
ANSWER_LIMIT_S = 10.0
"""So long it may take for that: it answers ``hello`` at once, whatever else it does."""
_PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


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
    return _peer(connection)[1]


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Return the process that listens, or that connected, and its user."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
        pid, uid, _ = _PEER_CREDENTIALS.unpack(credentials)
        return int(pid), int(uid)
    raise OSError(errno.ENOTSUP, f"the user of a local socket's peer cannot be told on {sys.platform}")


def broker_pid(settings: Settings) -> int | None:
    """Return the process id of the running broker, or None where there is none. The broker need not answer.

    Raises:
        UnsafeLocation, OSError: as ``connect``.
    """
    connection = connect(settings)
    if connection is None:
        return None
    with connection:
        return _peer(connection)[0]


def connect(settings: Settings) -> socket.socket | None:
    """A connection to the running broker, or None where there is none.

    Raises:
        UnsafeLocation: the socket belongs to somebody else.
        BlockingIOError: so many wait for it that the system keeps no more; try again.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_LIMIT_S)
    try:
        connection.connect(os.fspath(settings.socket_path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError:
        connection.close()
        raise
    if peer_uid(connection) != os.getuid():
        connection.close()
        raise UnsafeLocation(f"{settings.socket_path} is served by another user")
    return connection


def start_broker(settings: Settings) -> int:
    """Start a broker in a session of its own, so that it outlives the browser. Returns its pid.

    What the broker writes as it starts is tried here first, because a broker without a log cannot report what failed.

    Raises:
        TabAgentError: ``disk_full``, ``config_unwritable``: one of its folders.
        UnsafeLocation: others may enter the socket's folder.
        OSError: no process can be started.
    """
    with disk_errors(settings.socket_path.parent):
        private_dir(settings.socket_path.parent)
        _try_to_write(settings.socket_path.parent)
    with disk_errors(settings.log_dir):
        settings.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _try_to_write(settings.log_dir)
        for name in ("broker.log", "broker.stderr"):
            os.close(os.open(settings.log_dir / name, _APPEND, 0o600))
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-m", "native_host.broker"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.fspath(settings.log_dir / "broker.stderr"), _APPEND, 0o600),
        ],
        setsid=True,
    )


def unavailable(settings: Settings, reason: str) -> TabAgentError:
    """Error for requests whose broker does not start. It names the log if the broker has written one."""
    log = settings.log_dir / "broker.stderr"
    hint = f" Its last messages are in {log}." if _has_content(log) else ""
    message = f"TabAgent's background process could not be started: {reason.removesuffix('.')}.{hint}"
    return TabAgentError(ErrorCode.BROKER_UNAVAILABLE, message)


def silent() -> TabAgentError:
    """Error for requests whose broker is there and does not answer: it was stopped, or is stuck."""
    message = "TabAgent's background process does not answer. End it with: tabagent stop; then ask again."
    return TabAgentError(ErrorCode.BROKER_UNAVAILABLE, message)


def _try_to_write(folder: Path) -> None:
    """Make a file and remove it.

    Raises:
        OSError: the folder is full or read-only.
    """
    probe = folder / f".write-{os.getpid()}"
    os.close(os.open(probe, _APPEND, 0o600))
    probe.unlink()


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
