"""The command tree."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from native_host import __version__
from native_host.cli import installation
from native_host.settings import SettingsError

app = typer.Typer(no_args_is_help=True, help="Local AI for the browser's side panel.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Local AI for the browser's side panel."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(installation.install)
app.command()(installation.uninstall)
app.command()(installation.status)


def main() -> None:
    """Entry point of ``tabagent``."""
    try:
        app()
    except SettingsError as error:
        sys.exit(f"tabagent: {error}")
