"""Which processes serve HTTP by themselves, so that ``tabagent stop`` can end them.

Each holds a lock on a file named after its pid for as long as it lives, however it ends: a pid that was given to
another program meanwhile is never mistaken for one.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from native_host.settings import Settings
from native_host.transports.broker_link import private_dir

_NAME = re.compile(r"http-(\d+)\.lock")


@contextmanager
def present(settings: Settings) -> Iterator[None]:
    """Be found while the context lasts.

    Raises:
        UnsafeLocation, OSError: there is no place for the file.
    """
    path = private_dir(settings.socket_path.parent) / f"http-{os.getpid()}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def serving(settings: Settings) -> list[int]:
    """The pids of those that do; files of others, killed before they could take theirs away, are swept."""
    found = []
    for path in settings.socket_path.parent.glob("http-*.lock"):
        if name := _NAME.fullmatch(path.name):
            with suppress(OSError):  # gone meanwhile, or in a folder that is read-only now
                lock = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                except BlockingIOError:
                    found.append(int(name[1]))
                finally:
                    os.close(lock)
    return sorted(found)
