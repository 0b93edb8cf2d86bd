"""``serve``: HTTP for programs that speak OpenAI's, Ollama's or Anthropic's dialect, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from native_host.cli.options import Json
from native_host.cli.terminal import FLAGS, CommandFailed, Terminal, sentence, session
from native_host.settings import load_settings

Host = Annotated[
    str | None,
    typer.Option(
        "--http-host", "--host", help="The address; one beyond this machine needs a token file.", show_default=False
    ),
]
Port = Annotated[
    int | None,
    typer.Option("--http-port", "--port", help="11535; 0: any that is free.", min=0, max=65535, show_default=False),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--http-origin", "--origin", help="A web page that may call, as https://host:port.", show_default=False
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--http-token-file", "--token-file", help="A file with a token of yours.", show_default=False),
]
Concurrent = Annotated[
    int | None,
    typer.Option("--http-max-concurrent", "--max-concurrent", help="Requests at once.", min=1, show_default=False),
]


def serve(
    *,
    host: Host = None,
    port: Port = None,
    origin: Origins = None,
    token_file: TokenFile = None,
    max_concurrent: Concurrent = None,
    json_output: Json = False,
) -> None:
    """Serve HTTP on this machine, until Ctrl-C. Whoever asks needs the token, whose file is told."""
    flags = {
        **(FLAGS.get() or {}),
        "http_host": host,
        "http_port": port,
        "http_origins": tuple(origin) if origin else None,
        "http_token_file": str(token_file.absolute()) if token_file else None,
        "http_max_concurrent": max_concurrent,
    }
    with session(as_json=json_output, streams=True) as terminal:
        from native_host import http_server  # noqa: PLC0415  # no other command needs a web framework

        try:
            http_server.serve(load_settings(flags), lambda url, token: _tell(terminal, url, token))
        except http_server.CannotServe as error:
            raise CommandFailed("cannot_serve", sentence(error)) from error


def _tell(terminal: Terminal, url: str, token_file: Path) -> None:
    if terminal.as_json:
        terminal.json({"url": url, "token_file": str(token_file)}, line=True)
        return
    terminal.say(f"TabAgent listens on {url}")
    terminal.say(f"The token is in {token_file}")
    terminal.note(f'curl -H "Authorization: Bearer $(cat {token_file})" {url}/v1/models')
