"""An engine that fails on demand: crashes, hangs, floods, prints. Registered as any third party's is.

Its models are GGUF files without tensors that carry an order as JSON.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="chaos",
    language="python",
    engine="tabagent_chaos.engine:ChaosEngine",
    formats=("gguf",),
    tasks=("text-generation", "chat"),
    capabilities=("streaming", "cancel"),
    requires=(),
    install_hint="make dev",
)

_STRING = 8


def chaos_file(order: Mapping[str, Any], template: str | None = None) -> bytes:
    """A model that behaves so while it is loaded, with this chat template in its file."""
    values = {"general.architecture": "chaos"}
    if template is not None:
        values["tokenizer.chat_template"] = template
    values["chaos.order"] = json.dumps(order)
    entries = b"".join(_text(key) + struct.pack("<I", _STRING) + _text(value) for key, value in values.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + entries


def read_order(path: Path) -> dict[str, Any]:
    """What ``chaos_file`` was given."""
    order: dict[str, Any] = json.loads(path.read_bytes().partition(b"chaos.order")[2][4 + 8 :])
    return order


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
