"""The command tree."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from native_host import __version__
from native_host.cli import (
    bench,
    config,
    doctor,
    exit_status,
    installation,
    library,
    loaded,
    logs,
    machine,
    pull,
    run,
    serve,
)
from native_host.cli.terminal import FLAGS, drop_output
from native_host.core_dumps import disable_core_dumps

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, epilog=exit_status.epilog()
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    color: Annotated[
        str | None, typer.Option(help="auto, always or never; auto obeys NO_COLOR.", show_default=False)
    ] = None,
) -> None:
    """Local AI for the browser's side panel, and for this terminal."""
    FLAGS.set({"color": color})
    if version:
        typer.echo(__version__)
        raise typer.Exit


_COMMANDS: dict[str, Callable[..., None]] = {
    "run": run.run,
    "pull": pull.pull,
    "list": library.list_models,
    "show": library.show,
    "detect": library.detect,
    "verify": library.verify,
    "rm": library.rm,
    "ps": loaded.ps,
    "load": loaded.load,
    "unload": loaded.unload,
    "stop": loaded.stop,
    "serve": serve.serve,
    "bench": bench.bench,
    "install": installation.install,
    "uninstall": installation.uninstall,
    "status": installation.status,
    "doctor": doctor.doctor,
    "hardware": machine.hardware,
    "logs": logs.logs,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)
app.add_typer(config.app, name="config")


def main() -> None:
    """Entry point of ``tabagent``."""
    disable_core_dumps()
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character shows another
    try:
        app()
    except OSError as error:  # the disk that takes the output is full, for one
        drop_output()
        with suppress(OSError):
            sys.stderr.write(f"error: {error}\n")
        sys.exit(exit_status.FAILED)


def _open_standard_streams() -> None:
    """Whoever starts us may have closed some: nothing is read there, and what is written is lost."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # for as long as the process lives
