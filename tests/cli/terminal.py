"""``tabagent`` as a process: with pipes, or on a pseudo-terminal that a test types into."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support import Installation

COMMAND = str(Path(sys.executable).with_name("tabagent"))
LIMIT_S = 60.0
READS = "\N{KEYBOARD}"
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[=>()][0-9A-B]?|\][^\x07]*\x07)")


class Cli:
    """The command line of one installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.home = installation.root / "home"
        (self.home / ".config").mkdir(parents=True)
        self.environ: dict[str, str] = {
            **{name: value for name, value in installation.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")},
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "TERM": "xterm-256color",
            "COLUMNS": "100",
        }

    def __call__(
        self, *arguments: str, piped: str | bytes = b"", cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [COMMAND, *arguments],
            input=piped.encode() if isinstance(piped, str) else piped,
            capture_output=True,
            env={**self.environ, **environ},
            cwd=cwd,
            timeout=LIMIT_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    def ok(self, *arguments: str, **options: Any) -> str:
        """What a command that succeeds prints."""
        done = self(*arguments, **options)
        assert done.returncode == 0, done
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, *arguments: str, **options: Any) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.ok(*arguments, "--json", **options))

    def lines(self, *arguments: str, **options: Any) -> list[dict[str, Any]]:
        """The lines of JSON that a command prints, whether it succeeds or not."""
        return [json.loads(line) for line in self(*arguments, "--json", **options).stdout.splitlines()]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command, to be ended by the test."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([COMMAND, *arguments], env=self.environ, **options)

    def on_terminal(self, *arguments: str, **environ: str) -> TerminalSession:
        """Start a command on a terminal of its own."""
        return TerminalSession([COMMAND, *arguments], {**self.environ, **environ})


class TerminalSession:
    """A program on a pseudo-terminal. ``raw`` is all that it wrote."""

    def __init__(self, command: list[str], environ: Mapping[str, str], size: tuple[int, int] = (30, 100)) -> None:
        main, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=child, stdout=child, stderr=child, env=dict(environ)
        )
        os.close(child)
        self._fd, self._rows = main, size[0]
        self.raw = ""
        self._seen = 0

    def press(self, text: str) -> None:
        """Press these keys."""
        os.write(self._fd, text.encode())

    def expect(self, pattern: str, timeout_s: float = LIMIT_S) -> str:
        """Wait for a pattern in what is new, escapes taken out; returns the new text up to its end."""
        deadline = time.monotonic() + timeout_s
        while True:
            new = self.text[self._seen :]
            if found := re.search(pattern, new):
                self._seen += found.end()
                return new[: found.end()]
            if not self._read(deadline - time.monotonic()):
                pytest.fail(f"no {pattern!r} in {self.text[self._seen :]!r}")

    def end(self, timeout_s: float = LIMIT_S) -> int:
        """Wait until it has ended; returns its exit status."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    @property
    def text(self) -> str:
        """What it wrote, without escapes, but for one that a line editor sends as it begins to read."""
        return _ESCAPES.sub("", self.raw.replace("\x1b[?2004h", READS)).replace("\r\n", "\n")

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, timeout_s))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the program closed its end
            return False
        self.raw += data.decode("utf-8", "replace")
        if "\x1b[6n" in data.decode("utf-8", "replace"):
            os.write(self._fd, f"\x1b[{self._rows};1R".encode())  # where the cursor is: in the last line
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._fd)
