"""``python -m tests.engines.engine_table > docs/engines.md``: every engine, as its descriptor has it."""

from __future__ import annotations

import importlib
import sys

from backends.registry import descriptors

HEAD = """# Engines

Printed by `python -m tests.engines.engine_table`. Which engine runs a model is decided by Rust (formats.md); a request
may name one, or ask for `fallback`. Engines in Python come with an extra each and are imported in their own worker
alone; `hello` tells which are installed, and the command for the others. Servers: servers.md. The same weights give the
same answers on all of them: parity.md.

| Engine | What it is | Written in | Formats | Tasks | Capabilities | Installed by |
|---|---|---|---|---|---|---|
"""
FOOT = """
Capabilities are what `tests/engines/test_contract.py` shows on real models of each engine. A third party's engine
registers in the entry-point group `tabagent.backends` and is one more row.

llama-cpp-python comes as source alone. Installing it compiles llama.cpp for this very CPU, which takes a C++ compiler
and, on two cores, about six minutes. It cannot be in one process with the Rust wheel, whose libggml has the same name;
workers keep them apart.
"""


def table() -> str:
    """The page."""
    rows = []
    for engine in descriptors():
        if engine.name == "chaos":
            continue
        module = importlib.import_module(engine.engine.partition(":")[0].rpartition(".")[0])
        what = (module.__doc__ or "").split("\n")[0].replace("``", "`")
        columns = (engine.formats, engine.tasks, engine.capabilities)
        lists = [", ".join(names) for names in columns]
        rows.append(f"| {engine.name} | {what} | {engine.language} | {' | '.join(lists)} | `{engine.install_hint}` |")
    return HEAD + "\n".join(rows) + "\n" + FOOT


if __name__ == "__main__":
    sys.stdout.write(table())
