"""``pull``: models of the hub, and of servers that download their own."""

from __future__ import annotations

from typing import Annotated

import typer

from native_host.cli.asking import follow
from native_host.cli.options import AllowPickle, Json
from native_host.cli.terminal import session
from native_host.cli.words import size

Repository = Annotated[
    str,
    typer.Argument(
        help="org/repo, org/repo:Q4_K_M, org/repo@revision, hf.co/org/repo, an address on the hub, "
        "or ollama/NAME:TAG, which Ollama downloads.",
        show_default=False,
    ),
]


def pull(model: Repository, allow_pickle: AllowPickle = False, json_output: Json = False) -> None:
    """Download a model, whole and verified. What was cut goes on where it stopped; Ctrl-C keeps what came."""
    with session(as_json=json_output, streams=True) as terminal:
        result = follow(terminal, "pull_model", model=model, allow_pickle=allow_pickle)
        if not terminal.as_json:
            terminal.say(f"{result['model']} is here, {size(result['size_bytes'])}")
            terminal.note(f"{result['path']}\ntabagent run {result['model']}")
