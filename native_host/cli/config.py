"""``config show`` and ``config path``: what is set, and what set it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from native_host.cli.options import Json
from native_host.cli.terminal import FLAGS, session
from native_host.settings import Origin, Resolved, resolve, resolve_directories

app = typer.Typer(no_args_is_help=True, help="Settings, and where they come from.", rich_markup_mode=None)

MASK = "…"


@app.command()
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Tell what decided each.")] = False,
    json_output: Json = False,
) -> None:
    """Show every setting as config.toml has it. Keys are not shown."""
    with session(as_json=json_output) as terminal:
        resolved = resolve(FLAGS.get())
        values = {it.name: _value(it.type, getattr(resolved.settings, it.name)) for it in fields(resolved.settings)}
        if terminal.as_json:
            terminal.json([_entry(name, value, resolved, origin=origin) for name, value in values.items()])
            return
        width = max(map(len, values))
        for name, value in values.items():
            told = f"  # {_told(resolved.origins[name])}" if origin else ""
            terminal.say(f"{name:{width}} = {_toml(value)}{told}")


@app.command()
def path(json_output: Json = False) -> None:
    """Print where config.toml is, or would be."""
    with session(as_json=json_output, needs_settings=False) as terminal:
        file = resolve_directories().file
        if terminal.as_json:
            terminal.json({"path": str(file), "exists": file.exists()})
        else:
            terminal.say(str(file))


def _entry(name: str, value: Any, resolved: Resolved, *, origin: bool) -> dict[str, Any]:
    it = resolved.origins[name]
    return {"name": name, "value": value, **({"origin": {"kind": it.kind, "where": it.where}} if origin else {})}


def _told(origin: Origin) -> str:
    return origin.where or origin.kind


def _value(kind: Any, value: Any) -> Any:
    """A setting as JSON."""
    if kind == "Secrets":
        return dict.fromkeys(value, MASK)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [str(it) for it in value]
    return str(value) if isinstance(value, Path) else value


def _toml(value: Any) -> str:
    """Its values are JSON's, but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(it)}" for name, it in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
