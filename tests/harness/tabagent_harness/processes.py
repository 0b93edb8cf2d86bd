"""The process table of Linux, read from /proc."""

from __future__ import annotations

import contextlib
from pathlib import Path


class Process:
    """A line of the process table.

    Attributes:
        state: Letter of the state, such as R or S.
        parent: Pid of the parent.
        rss: Resident memory in bytes.
        command: Arguments, separated by spaces.
        environ: Environment at the start of the program.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.state = fields["State"][0]
        self.parent = int(fields["PPid"])
        self.rss = int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
        self.command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        raw = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        self.environ = dict(item.decode("utf-8", "replace").split("=", 1) for item in raw if b"=" in item)


def processes() -> list[Process]:
    """Return every process that this user can read, without zombies."""
    readable = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError, KeyError):
                process = Process(int(path.name))
                if process.state != "Z":
                    readable.append(process)
    return readable
