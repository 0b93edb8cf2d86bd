"""``list``, ``show``, ``detect``, ``rm``, ``verify``: the models on disk and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from native_host.cli import exit_status
from native_host.cli.asking import ask, follow
from native_host.cli.options import AllowPickle, ContextLength, Json, Model, load_options, reference
from native_host.cli.terminal import Terminal, session
from native_host.cli.words import number, size

Models = Annotated[list[str], typer.Argument(help="Names of tabagent list.", show_default=False)]
_WEIGHT = {True: "verified", False: "DAMAGED", None: "nothing to compare with"}


def list_models(json_output: Json = False) -> None:
    """List the models that are here, and those of servers."""
    with session(as_json=json_output) as terminal:
        result = ask(terminal, "list_models")
        if terminal.as_json:
            terminal.json(result)
        elif result["models"]:
            terminal.table(("NAME", "FORMAT", "QUANT", "TASK", "SIZE", "SOURCE", ""), map(_row, result["models"]))
        else:
            terminal.note("There is no model yet. tabagent pull ORG/REPO downloads one of huggingface.co.")


def show(
    model: Model, context_length: ContextLength = None, allow_pickle: AllowPickle = False, json_output: Json = False
) -> None:
    """Show all that is known of a model.

    What it is, what it needs, its files, its engines.
    """
    with session(as_json=json_output) as terminal:
        facts = _detect(terminal, model, context_length, allow_pickle=allow_pickle)
        if terminal.as_json:
            terminal.json(facts)
            return
        terminal.fields(_facts(facts))
        _show_engines(terminal, facts)
        terminal.say("\nFiles", "bold")
        for file in facts["files"]:
            terminal.say(f"  {file['path']}" + (f"  {size(file['size_bytes'])}" if file["size_bytes"] else ""))


def detect(
    model: Model, context_length: ContextLength = None, allow_pickle: AllowPickle = False, json_output: Json = False
) -> None:
    """Tell what a model is and which engine takes it. A repository is looked at on the hub, not downloaded."""
    with session(as_json=json_output) as terminal:
        facts = _detect(terminal, model, context_length, allow_pickle=allow_pickle)
        if terminal.as_json:
            terminal.json(facts)
            return
        terminal.fields((name, value) for name, value in _facts(facts) if name in ("format", "task", "size", "memory"))
        _show_engines(terminal, facts)


def rm(models: Models, json_output: Json = False) -> None:
    """Remove models from the disk. What other programs brought is left to them."""
    with session(as_json=json_output, streams=True) as terminal:
        for model in models:
            result = ask(terminal, "remove_model", model=reference(model))
            if terminal.as_json:
                terminal.json(result, line=True)
            else:
                terminal.say(f"removed {result['model']}, {size(result['freed_bytes'])} are free again")


def verify(model: Model, json_output: Json = False) -> None:
    """Read a model's files again and compare their hashes. Exit status 1 where one is damaged."""
    with session(as_json=json_output, streams=True) as terminal:
        result = follow(terminal, "verify_model", model=reference(model))
        if not terminal.as_json:
            for file in result["files"]:
                terminal.say(f"{_WEIGHT[file['verified']]:10}  {file['path']}  {size(file['size_bytes'])}")
            terminal.say(f"{result['model']} {_soundness(result)}")
            if not result["valid"]:
                is_file = reference(model).startswith("/")
                fresh = "Bring the file anew" if is_file else "tabagent rm and tabagent pull bring a fresh one"
                terminal.note(f"{fresh}.", style="")
    raise typer.Exit(0 if result["valid"] else exit_status.FAILED)


def _soundness(result: dict[str, Any]) -> str:
    if not result["valid"]:
        return "is DAMAGED"
    compared = any(file["verified"] for file in result["files"])
    return "is sound" if compared else "can be read; there is no hash to compare with"


def _detect(terminal: Terminal, model: str, context_length: int | None, *, allow_pickle: bool) -> dict[str, Any]:
    options = load_options(context_length=context_length, allow_pickle=allow_pickle)
    return ask(terminal, "detect_model", model=reference(model), options=options)


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    return (
        model["name"],
        model["format"],
        model["quantisation"] or "",
        model["task"] or "",
        size(model["size_bytes"]) if model["size_bytes"] else "",
        model["source"],
        "loaded" if model["loaded"] else "",
    )


def _facts(facts: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "path", facts["path"]
    yield "repository", facts["repo"] and f"{facts['repo']} at {str(facts['commit'])[:12]}"
    parts = (facts["model_type"], facts["architecture"], number(facts["parameters"]), facts["quantisation"])
    yield "format", ", ".join(part for part in parts if part)
    yield "task", facts["task"]
    yield "size", size(facts["size_bytes"]) if facts["size_bytes"] else None
    yield "context", f"{facts['context_length']:,} tokens" if facts["context_length"] else None
    yield "memory", _memory(facts["memory"])
    yield "template", _template(facts)
    yield "licence", facts["license"]
    yield "gated", facts["gated"]


def _template(facts: dict[str, Any]) -> str:
    if not facts["chat_template"]:
        return "none; a fallback for chats"
    return f"for chats, SHA-256 {facts['chat_template_sha256'][:12]}…" if facts["chat_template_sha256"] else "for chats"


def _memory(memory: dict[str, Any] | None) -> str | None:
    if memory is None:
        return None
    if memory["context_length"] is None:
        return f"{size(memory['weights_bytes'])} for the weights"
    total = f"{size(memory['total_bytes'])} for {memory['context_length']:,} tokens"
    return f"{total} (weights {size(memory['weights_bytes'])}, KV cache {size(memory['kv_cache_bytes'])})"


def _show_engines(terminal: Terminal, facts: dict[str, Any]) -> None:
    terminal.say("\nEngines, the best first", "bold")
    for number_, place in enumerate([*([facts["backend"]] if facts["backend"] else []), *facts["alternatives"]], 1):
        for language, engine in place.items():
            terminal.say(f"  {number_}. {engine['engine']} ({language}): {engine['reason']}")
            for obstacle in engine["obstacles"]:
                terminal.say(f"     {obstacle['code']}: {obstacle['message']}", "yellow")
    if facts["backend"] is None:
        terminal.say("  none", "yellow")
    for obstacle in facts["obstacles"]:
        terminal.say(f"  {obstacle['code']}: {obstacle['message']}", "yellow")
    if facts["conversion"]:
        terminal.say(f"  {facts['conversion']}")
