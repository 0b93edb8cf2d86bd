"""How the tests ask a server's model through the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tabagent_harness import HostProcess
from tests.support import Installation

KEY = "sk-very-secret-0815"
HELLO = [{"role": "user", "content": "Hello there"}]
CHAT, GENERATE, MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"
Install = Callable[..., Installation]


def names(host: HostProcess) -> set[str]:
    return {entry["name"] for entry in host.result("list_models")["result"]["models"]}


def chat(host: HostProcess, model: str = "gpu/small", **fields: Any) -> dict[str, Any]:
    options = {"max_tokens": 5, **fields.pop("options", {})}
    return host.result("chat", model=model, messages=HELLO, options=options, timeout_s=30, **fields)


def pid(host: HostProcess) -> int:
    (model,) = host.result("status")["result"]["models"]
    return int(model["pid"])
