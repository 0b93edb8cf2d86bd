"""The processor, the engines, and one token through the whole chain."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

from backends.contract import EngineDescriptor
from backends.registry import descriptors, is_available
from installer.doctor import Finding, Severity
from native_host.cli.asking import ask
from native_host.cli.remedies import remedy
from native_host.cli.terminal import Terminal
from native_host.protocol.errors import TabAgentError
from native_host.settings import environment

IMPORT_LIMIT_S = 120.0
_CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def processor(terminal: Terminal) -> Iterator[Finding]:
    """Which CPU variant serves, and why."""
    try:
        cpu = ask(terminal, "hardware")["cpu"]
    except TabAgentError as error:
        yield failed("CPU variant", error)
        return
    runs = [it for it in cpu["variants"] if it["supported"]]
    best = max(runs, key=lambda it: it["score"], default=None)
    for fallback in cpu["fallbacks"]:
        message = f"{fallback['variant']} was tried in a process of its own and died: {fallback['reason']}"
        yield Finding("CPU variant", Severity.WARNING, message, "Please report it, with: tabagent hardware --json")
    if best is not None and best["name"] == cpu["variant"]:
        why = f"the best of {len(runs)} that run on {cpu['brand']}; tried in a process of its own"
        yield Finding("CPU variant", Severity.OK, f"{cpu['variant']}: {why}")
    elif not cpu["fallbacks"]:
        message = f"{cpu['variant']} serves, where {best['name'] if best else 'another'} would be the best."
        yield Finding("CPU variant", Severity.WARNING, message, "Is TABAGENT_CPU_VARIANT set? Unset it.")


def engines() -> Iterator[Finding]:
    """Whether each engine that is installed can be imported, in a process of its own."""
    found = [engine for engine in descriptors() if is_available(engine)]
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(_importable, found)
    for engine in descriptors():
        if not is_available(engine):
            message = f"{engine.name}: not installed; it is for {', '.join(engine.formats)}"
            yield Finding(f"engine {engine.name}", Severity.NOTE, message, engine.install_hint)


def one_token(terminal: Terminal) -> Iterator[Finding]:
    """Whether a model answers: host's broker, worker, engine, weights."""
    try:
        model = _model_that_writes(terminal)
        if model is None:
            message = "There is no model that writes text, so none was tried."
            yield Finding("one token", Severity.WARNING, message, "tabagent pull ORG/REPO downloads one.")
            return
        result = ask(terminal, "generate", model=model, prompt="Hello", options={"max_tokens": 1})
    except TabAgentError as error:
        yield failed("one token", error)
        return
    timings = result["timings"]
    message = (
        f"{model} writes, by {result['engine']}: loaded in {timings['load_ms'] / 1000:.1f} s, "
        f"first token after {timings['time_to_first_token_ms'] / 1000:.1f} s"
    )
    yield Finding("one token", Severity.OK, message)


def failed(check: str, error: TabAgentError) -> Finding:
    """A request that a check needs did not succeed."""
    what_to_do = remedy(error.code, error.details)
    return Finding(check, Severity.PROBLEM, f"{error.code.value}: {error.message}", what_to_do)


def _model_that_writes(terminal: Terminal) -> str | None:
    """The default one, else the smallest."""
    models = ask(terminal, "list_models")["models"]
    writers = [it for it in models if it["task"] == "text-generation" and it["size_bytes"]]
    preferred = ask(terminal, "hello")["default_model"]
    if any(it["name"] == preferred for it in writers):
        return str(preferred)
    smallest = min(writers, key=lambda it: it["size_bytes"], default=None)
    return str(smallest["name"]) if smallest else None


def _importable(engine: EngineDescriptor) -> Finding:
    check = f"engine {engine.name}"
    modules = [*engine.requires, engine.engine.partition(":")[0]]
    command = [sys.executable, "-I", "-W", "ignore", "-c", _CODE, *modules]
    remedy_ = f"Install it again: {engine.install_hint}"
    try:
        with TemporaryDirectory(ignore_cleanup_errors=True) as home:
            done = subprocess.run(
                command,
                env=_at_home_in(home),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=IMPORT_LIMIT_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return Finding(check, Severity.PROBLEM, f"{engine.name}: not imported in {IMPORT_LIMIT_S:.0f} s", remedy_)
    if done.returncode == 0:
        return Finding(check, Severity.OK, f"{engine.name}: can be imported; for {', '.join(engine.formats)}")
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    last = words[-1][:300] if words else f"the process ended with status {done.returncode}"
    return Finding(check, Severity.PROBLEM, f"{engine.name}: is installed and cannot be imported: {last}", remedy_)


def _at_home_in(folder: str) -> dict[str, str]:
    """Some engines write caches and ids as they are imported; here they write what is thrown away."""
    elsewhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR"), folder)
    return {**environment(), **elsewhere, "ORT_DISABLE_TELEMETRY": "1"}
