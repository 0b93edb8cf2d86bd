"""``logs``: the end of the broker's log, and what is added to it."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from native_host.cli.options import Json
from native_host.cli.terminal import Terminal, session

LOOK_EVERY_S = 0.25
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ([A-Z]+) ([\w.]+): (.*)")
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


def logs(
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    crashes: Annotated[bool, typer.Option("--stderr", help="What the broker said outside its log.")] = False,
    http: Annotated[bool, typer.Option("--http", help="What HTTP said, where the setting http asks for it.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Print where the log is, and nothing else.")] = False,
    json_output: Json = False,
) -> None:
    """Show the background process's log. Prompts and answers are not in it."""
    with session(as_json=json_output, streams=True) as terminal:
        name = "http.stderr" if http else "broker.stderr" if crashes else "broker.log"
        file = terminal.settings.log_dir / name
        if path and terminal.as_json:
            terminal.json({"path": str(file), "exists": file.exists()}, line=True)
            return
        if path:
            terminal.say(str(file))
            return
        last, end = _last(file, lines)
        for line in last:
            _tell(terminal, line)
        if follow:
            for line in _added(file, end):
                _tell(terminal, line)
        elif not file.exists():
            terminal.note(f"There is no log yet: {file}")


def _tell(terminal: Terminal, line: str) -> None:
    match = _LINE.fullmatch(line)
    if terminal.as_json:
        time_, level, logger, message = match.groups() if match else (None, None, None, line)
        terminal.json({"time": time_, "level": level, "logger": logger, "message": message}, line=True)
    else:
        terminal.say(line, _STYLES.get(match[2], "") if match else "")


def _last(file: Path, count: int) -> tuple[list[str], int]:
    """The last lines, of the file that was rotated away too, and where in the file they end."""
    kept: deque[str] = deque(maxlen=count)
    end = 0
    for part in (file.with_name(f"{file.name}.1"), file):
        if part.exists():
            content = part.read_bytes()
            end = content.rfind(b"\n") + 1
            kept.extend(content[:end].decode("utf-8", "replace").splitlines())
    return list(kept), end if file.exists() else 0


def _added(file: Path, begin: int) -> Iterator[str]:
    """Lines as they come, from a place on; a file that was rotated away is left for the new one."""
    while True:
        while not file.exists():
            time.sleep(LOOK_EVERY_S)
        with file.open("rb") as opened:
            opened.seek(begin)
            begin = 0
            held = b""
            while True:
                rotated = not file.exists() or file.stat().st_ino != os.fstat(opened.fileno()).st_ino
                held += opened.read()
                *whole, held = held.split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", "replace")
                if rotated:
                    break
                time.sleep(LOOK_EVERY_S)
