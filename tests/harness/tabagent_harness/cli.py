"""``tabagent-harness``: talk to the host from a terminal, through the same door as a browser.

tabagent-harness chat "What is the capital of France?"
tabagent-harness ask hardware
tabagent-harness ask tokenize model=smollm2-135m text=Hello
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from tabagent_harness.host_process import HostEnded, HostProcess, Message

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Talks to the TabAgent host as a browser does.")

HostOption = Annotated[str | None, typer.Option("--host", help="Host command; default: this environment's.")]


@app.command()
def chat(
    prompt: str,
    model: Annotated[str | None, typer.Option(help="Model; default: the host's.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    system: Annotated[str, typer.Option(help="System message.")] = "You answer questions in full sentences.",
    host: HostOption = None,
) -> None:
    """Stream the answer to PROMPT."""
    with HostProcess([host] if host else None) as process:
        name = model or _last(process.result("hello"))["default_model"]
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        options = {"max_tokens": max_tokens, "temperature": temperature}
        for event in process.ask("chat", model=name, messages=messages, options=options):
            _show(event)


@app.command()
def ask(
    action: str,
    fields: Annotated[list[str] | None, typer.Argument(help="name=value; a value may be JSON.")] = None,
    host: HostOption = None,
) -> None:
    """Send one request of ACTION and print every event as a line of JSON."""
    with HostProcess([host] if host else None) as process:
        event: Message = {}
        for event in process.ask(action, **dict(map(_field, fields or ()))):
            typer.echo(json.dumps(event, ensure_ascii=False))
    raise typer.Exit(event.get("event") != "done")


def main() -> None:
    """Entry point."""
    try:
        app()
    except HostEnded as error:
        sys.exit(f"tabagent-harness: {error}")


def _field(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _last(event: Message) -> Message:
    if event["event"] != "done":
        raise typer.Exit(_fail(event))
    result: Message = event["result"]
    return result


def _show(event: Message) -> None:
    if event["event"] == "token":
        sys.stdout.write(event["text"])
        sys.stdout.flush()
    elif event["event"] == "progress":
        sys.stderr.write(f"\r{event['stage']} {event['done']:,}/{event['total']:,} {event['unit']} ")
        if event["done"] == event["total"]:
            sys.stderr.write("\n")
    else:
        result = _last(event)
        usage, timings = result["usage"], result["timings"]
        sys.stdout.write("\n")
        sys.stderr.write(
            f"[{usage['prompt_tokens']} + {usage['completion_tokens']} tokens, first after "
            f"{timings['time_to_first_token_ms']:.0f} ms, then {timings['decode_tokens_per_second']:.0f} per second]\n"
        )


def _fail(event: Message) -> int:
    error = event.get("error", {"code": event["event"], "message": "the request was cancelled"})
    sys.stderr.write(f"{error['code']}: {error['message']}\n")
    return 1
