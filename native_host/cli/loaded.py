"""``ps``, ``load``, ``unload``, ``stop``: what is in memory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from native_host.cli.asking import ask, ask_if_running, follow
from native_host.cli.completion import models as known_models
from native_host.cli.options import (
    AllowPickle,
    ContextLength,
    Device,
    Dtype,
    Engine,
    GpuLayers,
    Json,
    KeepAlive,
    Mlock,
    Model,
    load_options,
    reference,
)
from native_host.cli.terminal import session
from native_host.cli.words import TEMPLATE_CHANGED, duration, size
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.settings import Settings
from native_host.transports import broker_link
from native_host.transports.http_presence import serving

STOP_LIMIT_S = 15.0
_HEADERS = ("NAME", "ENGINE", "STATE", "CONTEXT", "MEMORY", "REQUESTS", "UNLOADS IN")


def ps(json_output: Json = False) -> None:
    """Show the models that are loaded. Starts nothing."""
    with session(as_json=json_output) as terminal:
        result = ask_if_running(terminal, "status")
        if terminal.as_json:
            terminal.json(result or {"pid": None, "models": []})
        elif result is None or not result["models"]:
            terminal.note("No model is loaded." + ("" if result else " TabAgent is not running."))
        else:
            terminal.table(_HEADERS, map(_row, result["models"]))


def load(
    model: Model,
    *,
    engine: Engine = "auto",
    context_length: ContextLength = None,
    gpu_layers: GpuLayers = None,
    mlock: Mlock = False,
    device: Device = None,
    dtype: Dtype = None,
    keep_alive: KeepAlive = None,
    allow_pickle: AllowPickle = False,
    json_output: Json = False,
) -> None:
    """Load a model and keep it."""
    options = load_options(
        context_length=context_length,
        gpu_layers=gpu_layers,
        mlock=mlock,
        device=device,
        dtype=dtype,
        keep_alive=keep_alive,
        allow_pickle=allow_pickle,
    )
    with session(as_json=json_output, streams=True) as terminal:
        result = follow(terminal, "load_model", model=reference(model), engine=engine, options=options)
        if terminal.as_json:
            return
        for other in result["fallbacks"]:
            terminal.note(f"{other['engine']} does not serve it: {other['code']}: {other['message']}", style="yellow")
        if result["chat_template_changed"]:
            terminal.note(TEMPLATE_CHANGED, style="yellow")
        how = "was loaded already" if result["already_loaded"] else f"loaded in {result['load_ms'] / 1000:.1f} s"
        terminal.say(f"{result['model']} {how}, {result['engine']}, {result['context_length']:,} tokens of context")


def unload(
    model: Annotated[
        str | None, typer.Argument(help="A loaded model.", autocompletion=known_models, show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Unload every model.")] = False,
    json_output: Json = False,
) -> None:
    """Unload a model, which gives its memory back. Answers that are under way end."""
    if (model is None) != every:
        raise typer.BadParameter("give a model, or --all", param_hint="MODEL")
    with session(as_json=json_output, streams=every) as terminal:
        status = ask_if_running(terminal, "status") if every else None
        names = [str(model)] if model else [it["model"] for it in (status or {"models": []})["models"]]
        for name in names:
            result = ask(terminal, "unload_model", model=reference(name))
            if terminal.as_json:
                terminal.json(result, line=every)
            else:
                terminal.say(f"{result['model']} {'is unloaded' if result['unloaded'] else 'was not loaded'}")
        if not names and terminal.as_json:
            terminal.json({"model": None, "unloaded": False}, line=True)
        elif not names:
            terminal.note("No model is loaded.")


def stop(json_output: Json = False) -> None:
    """End the background process, every model with it, and every tabagent serve. The next command starts it again."""
    with session(as_json=json_output, needs_settings=False) as terminal:
        settings = terminal.settings
        http = serving(settings)
        for pid in http:  # before the broker, which they would start again
            _end(pid, partial(_serves, settings, pid))
        broker = _broker_pid(settings)
        if broker is not None:
            _end(broker, partial(_runs, broker))
        stopped = broker is not None or bool(http)
        if terminal.as_json:
            terminal.json({"stopped": stopped, "pid": broker, "http": http})
            return
        terminal.say("TabAgent has ended." if stopped else "TabAgent was not running.")


def _broker_pid(settings: Settings) -> int | None:
    try:
        return broker_link.broker_pid(settings)
    except BlockingIOError:
        raise broker_link.silent() from None
    except (OSError, broker_link.UnsafeLocation) as error:
        raise broker_link.unavailable(settings, str(error)) from error


def _end(pid: int, is_there: Callable[[], bool]) -> None:
    """Ask a process to end, and wait until it has."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)  # one that was stopped hears nothing else
    deadline = time.monotonic() + STOP_LIMIT_S
    while is_there():
        if time.monotonic() > deadline:
            raise TabAgentError(
                ErrorCode.BUSY, f"The process {pid} is still ending its work. Try again, or kill it.", pid=pid
            )
        time.sleep(0.05)


def _serves(settings: Settings, pid: int) -> bool:
    return pid in serving(settings)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """Return True for a process that has ended and that the one that started it has not noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except (OSError, UnicodeDecodeError):
        return False


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    memory, context = model["memory_bytes"], model["context_length"]
    return (
        model["model"],
        model["engine"],
        model["state"],
        f"{context:,}" if context else "",
        size(memory) if memory else "",
        str(model["active_requests"]),
        _unloads_in(model),
    )


def _unloads_in(model: dict[str, Any]) -> str:
    if model["active_requests"]:
        return "busy"
    return duration(model["expires_in_s"]) if model["keep_alive_s"] else "after the next request"
