"""``python -m tests.cli.settings_table > docs/configuration.md``: every setting, as the schema has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from native_host.settings import Settings

HEAD = """# Configuration

Printed by `python -m tests.cli.settings_table`. `tabagent config show --origin` tells what is in force and what set it.

A flag wins over the environment, that over `config.toml`, that over the default. The file lies where
`tabagent config path` says (`~/.config/tabagent/config.toml` on Linux). Its keys are the names below; the variable of a
setting is its name in capitals after `TABAGENT_`. What is misspelt or out of range is an error that names the nearest
setting, in the file and in `TABAGENT_*` variables alike. An empty variable counts as absent, unless the table says so.

```toml
keep_alive_s = 600
model_dirs = ["~/models"]
http_port = 11535

[servers]
gpu = "http://gpu-machine:8000/v1"

[server_keys]
gpu = "sk-…"
```

As variables, paths are separated as in `PATH`, names by commas, and tables are `name=value,…`:
`TABAGENT_SERVERS=gpu=http://gpu-machine:8000/v1`.

| setting | default | meaning |
|---|---|---|
"""
FOOT = """
Others read `TABAGENT_CPU_VARIANT` (take this ggml CPU variant instead of choosing one) and the Hugging Face variables:
`HF_HOME` and `HF_HUB_CACHE` move the cache where downloads lie, `HF_TOKEN` is sent to the hub alone.

The host and the broker read settings when they start; `tabagent stop` ends the broker, and the next request starts a
new one. A browser hands its own environment to the host, which is another reason to prefer the file. The host and the
broker of one user must agree on the directories; they do unless one of them is moved for one process only. A
`config.toml` with keys in it should be yours alone: `chmod 600`; `tabagent doctor` looks.
"""
DIRECTORIES = {
    "runtime_dir": "`$XDG_RUNTIME_DIR/tabagent`, else a folder of the user's own in the temporary directory",
    "tool_model_dirs": "LM Studio's and llama.cpp's",
}


def table() -> str:
    """The page."""
    rows = [f"| `{it.name}` | {_default(it)} | {_meaning(it)} |" for it in fields(Settings)]
    return HEAD + "\n".join(rows) + "\n" + FOOT


def _default(setting: Field[Any]) -> str:
    if setting.name in DIRECTORIES:
        return DIRECTORIES[setting.name]
    if setting.default is MISSING:
        return "the platform's" if setting.type == "Path" else ""
    value = setting.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return f"`{str(value).replace(os.path.expanduser('~'), '~')}`"
    if isinstance(value, float):
        return f"{value:g}"
    return f"`{value}`" if isinstance(value, str) else "" if value == () else str(value)


def _meaning(setting: Field[Any]) -> str:
    bounds: Mapping[str, Any] = setting.metadata
    more = [", ".join(f"`{choice}`" for choice in bounds["choices"])] if "choices" in bounds else []
    more += [f"also `{bounds['alias']}`"] if "alias" in bounds else []
    return bounds["meaning"] + (f" ({'; '.join(more)})" if more else "")


if __name__ == "__main__":
    sys.stdout.write(table())
