"""How a command talks: words for people, JSON for programs, errors with their remedy, colours only on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from installer.errors import InstallError
from native_host.cli import exit_status
from native_host.cli.remedies import remedy
from native_host.cli.words import plain
from native_host.protocol.display import REORDERING
from native_host.protocol.errors import RETRYABLE, TabAgentError
from native_host.settings import Settings, SettingsError, load_settings, resolve_directories

_STEERING = re.compile(f"[\x7f-\x9f{REORDERING}]")
"""Characters that JSON allows in a string and that change what a terminal does or in which order it shows text."""

FLAGS: ContextVar[dict[str, Any] | None] = ContextVar("FLAGS", default=None)
"""Settings given as options before the command."""


class CommandFailed(Exception):
    """An error of a command itself; ``code`` is none of the protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Terminal:
    """Standard output for results, standard error for everything else."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self.settings = settings
        self.as_json = as_json
        self.out = _console(settings, stderr=False)
        self.err = _console(settings, stderr=True)

    @property
    def shows_progress(self) -> bool:
        """Whether somebody watches who wants to see bars."""
        return self.err.is_terminal and not self.as_json

    def json(self, value: Any, *, line: bool = False) -> None:
        """Print a JSON value; ``line``: on one line."""
        text = json.dumps(value, indent=None if line else 2, ensure_ascii=not _speaks_utf8())
        typer.echo(_STEERING.sub(lambda character: f"\\u{ord(character[0]):04x}", text))

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line."""
        self.out.print(Text(plain(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "dim") -> None:
        """Print a line beside the result."""
        self.err.print(Text(plain(text), style=style), soft_wrap=True)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print columns as wide as what is in them; nothing is cut, so that pipes get all of it."""
        lines = [list(headers), *([plain(cell).replace("\n", " ") for cell in row] for row in rows)]
        widths = [max(cell_len(line[at]) for line in lines) for at in range(len(headers))]
        for number, line in enumerate(lines):
            padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
            self.say("  ".join(padded).rstrip(), "bold" if number == 0 else "")

    def fields(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Print names and values; rows without a value are left out."""
        shown = [(name, value) for name, value in rows if value]
        width = max((cell_len(name) for name, _ in shown), default=0)
        for name, value in shown:
            line = Text(f"{name}{' ' * (width - cell_len(name))}  ", style="bold").append(
                plain(value), style="not bold"
            )
            self.out.print(line, soft_wrap=True)


@contextmanager
def session(*, as_json: bool, streams: bool = False, needs_settings: bool = True) -> Iterator[Terminal]:
    """A command's frame: what it raises becomes a message and an exit status.

    ``streams``: with JSON, an error is the last of its events, on a line of its own. ``needs_settings``: without, a
    setting that is wrong leaves the directories and the defaults.
    """
    failure = _Failure(as_json=as_json, streams=streams)
    try:
        terminal = Terminal(_settings(needed=needs_settings), as_json=as_json)
        failure.err = terminal.err
        yield terminal
        sys.stdout.flush()
    except TabAgentError as error:
        failure.tell(error.code.value, error.message, details=error.details, retryable=error.code in RETRYABLE)
    except InstallError as error:
        failure.tell(error.code, error.message, details=error.details)
    except CommandFailed as error:
        failure.tell(error.code, str(error))
    except SettingsError as error:
        details = {"variable": error.variable} if error.variable else {}
        failure.tell("bad_setting", sentence(error), status=exit_status.USAGE, details=details)
    except BrokenPipeError:
        drop_output()
        raise typer.Exit(exit_status.NOBODY_READS) from None


def drop_output() -> None:
    """What standard output could not take goes nowhere: the interpreter flushes once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def sentence(error: Exception) -> str:
    """Its message, with a full stop where it ends without any."""
    return str(error) if str(error).endswith((".", "?")) else f"{error}."


def _settings(*, needed: bool) -> Settings:
    try:
        return load_settings(FLAGS.get())
    except SettingsError:
        if needed:
            raise
        return resolve_directories().settings


def tell_error(err: Console, code: str, message: str, details: Mapping[str, Any]) -> None:
    """An error in words: its code, its sentence, and what to do."""
    err.print(Text.assemble(("error", "bold red"), f" {code}: {plain(message)}"), soft_wrap=True)
    if what_to_do := remedy(code, details):
        err.print(Text(f"  {plain(what_to_do)}"), soft_wrap=True)


@dataclass
class _Failure:
    """How a command tells that it failed."""

    as_json: bool
    streams: bool
    err: Console = field(default_factory=lambda: Console(stderr=True, color_system=None, highlight=False))

    def tell(self, code: str, message: str, status: int | None = None, **more: Any) -> NoReturn:
        details = more.get("details", {})
        if self.as_json:
            error = {"error": {"code": code, "message": message, **more, "remedy": remedy(code, details)}}
            event = {"event": "error", **error} if self.streams else error
            typer.echo(json.dumps(event, indent=None if self.streams else 2))
        else:
            tell_error(self.err, code, message, details)
        raise typer.Exit(exit_status.of_error(code) if status is None else status)


class _Console(Console):
    """One that leaves a broken pipe to ``session``."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console(settings: Settings, *, stderr: bool) -> Console:
    if settings.color.lower() == "never":
        return _Console(stderr=stderr, color_system=None, highlight=False, markup=False, emoji=False)
    force = True if settings.color.lower() == "always" else None
    return _Console(stderr=stderr, force_terminal=force, highlight=False, markup=False, emoji=False)


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
