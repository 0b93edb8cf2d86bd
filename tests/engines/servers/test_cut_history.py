"""Calls with cut arguments in the history: other servers get a JSON object, since they refuse anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.engines.servers.asking import CHAT, HELLO, Install
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI

CASES = [
    ('{"city": "Par', {"arguments": '{"city": "Par'}),
    ("[1]", {"arguments": "[1]"}),
    ('{"a": NaN}', {"arguments": '{"a": NaN}'}),
    ("[" * 9999, {"arguments": "[" * 9999}),
    ("", {}),
    ('{"arguments": 1}', {"arguments": 1}),
]


def history(arguments: str) -> Any:
    """Return a conversation with such a call."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return [*HELLO, {"role": "assistant", "content": "", "tool_calls": [call]}, *HELLO]


@pytest.mark.parametrize(("arguments", "expected"), CASES)
def test_h18_servers_of_openais_dialect_get_an_object(
    host: HostProcess, gpu: FakeOpenAI, arguments: str, expected: Any
) -> None:
    answer = host.result("chat", model="gpu/small", messages=history(arguments), options={"max_tokens": 2})
    assert answer["event"] == "done", answer
    function = gpu.bodies(CHAT)[-1]["messages"][1]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == expected


def test_h18_ollama_gets_an_object(install: Install) -> None:
    with FakeOllama("a:1b") as ollama, install(ollama_url=ollama.url).host() as host:
        for arguments, expected in CASES:
            host.result("chat", model="ollama/a:1b", messages=history(arguments), options={"max_tokens": 2})
            (call,) = ollama.bodies("/api/chat")[-1]["messages"][1]["tool_calls"]
            assert call["function"]["arguments"] == expected
