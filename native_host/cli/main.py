"""The command tree."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
from native_host.cli.terminal import FLAGS

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, epilog=exit_status.epilog())


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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character shows another
    app()
