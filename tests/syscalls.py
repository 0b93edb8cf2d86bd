"""System calls of a running process, recorded by strace: paths that it touches or would change, addresses it calls."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.support import eventually, missing

_LINE = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<arguments>.*)$")
_AT = re.compile(r'(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, "(?P<path>(?:\\x[0-9a-f]{2})*)"')
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ADDRESS = re.compile(r'(?:inet_addr|inet_pton)\((?:AF_INET6, )?"([^"]+)"')
_OPENED_FOR_WRITING = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b")
_OPENS = {"open", "openat", "openat2"}
_READS = {
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "chdir",
}
_READS |= {"statfs", "getxattr", "lgetxattr", "listxattr", "execve", "inotify_add_watch"}


class SystemCalls:
    """Calls of a process, its threads and the children that it starts while the context lasts.

    Failed calls count too: a path that was asked for was not refused.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        if shutil.which("strace") is None:
            missing("strace")
        self._output = folder / "strace.txt"
        self._cwd = os.readlink(f"/proc/{pid}/cwd")
        self._messages = folder / "strace-messages.txt"
        self._command = [
            "strace",
            "-f",
            "-y",
            "-xx",
            "-s",
            "8192",
            "-e",
            "trace=%file,connect",
            "-o",
            str(self._output),
        ]
        self._command += ["-p", str(pid)]

    def __enter__(self) -> Self:
        with self._messages.open("w") as messages:
            self._process = subprocess.Popen(self._command, stderr=messages)
        eventually(lambda: "attached" in self._messages.read_text() or self._process.poll() is not None)
        if self._process.poll() is not None:
            missing(f"strace: {self._messages.read_text()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def touched(self) -> set[str]:
        """Return every path in a call, absolute and without ``..``."""
        return {path for _, _, path in self._paths()}

    def changed(self) -> set[str]:
        """Return the paths that were opened for writing, made, renamed or removed."""
        return {
            path
            for call, arguments, path in self._paths()
            if (_OPENED_FOR_WRITING.search(arguments) if call in _OPENS else call not in _READS)
        }

    def connected(self) -> set[str]:
        """Return the IP addresses that it tried to connect to."""
        return {_text(address) for address in _ADDRESS.findall(self._output.read_text(errors="replace"))}

    def _paths(self) -> Iterator[tuple[str, str, str]]:
        for line in self._output.read_text(errors="replace").splitlines():
            match = _LINE.match(line)
            if match is None or match["call"] == "connect":
                continue
            call, arguments = match["call"], match["arguments"]
            at = [(pair["folder"], pair["path"]) for pair in _AT.finditer(arguments)]
            plain = [] if at else [(self._cwd, path) for path in _STRING.findall(arguments)]
            if call == "symlink":
                plain = plain[-1:]  # the first is the link's content
            if call == "execve":
                plain = plain[:1]
            for folder, path in at or plain:
                if text := _text(path):
                    yield call, arguments, os.path.normpath(os.path.join(_text(folder), text))


def _text(hexadecimal: str) -> str:
    if not hexadecimal.startswith("\\x"):
        return hexadecimal
    return bytes.fromhex(hexadecimal.replace("\\x", "")).decode(errors="surrogateescape")
