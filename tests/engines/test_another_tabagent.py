"""A TabAgent that asks another one, over HTTP: both brokers, their workers and the HTTP server are real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tabagent_harness.http_process import HttpProcess
from tabagent_weights import minilm
from tests.engines.test_answers import TOOLS
from tests.questions import CAPITAL
from tests.support import Installation, eventually

MODEL = "other/smollm2-135m"
GREEDY = {"temperature": 0, "max_tokens": 100}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    """The other one."""
    installation = Installation(tmp_path_factory.mktemp("there"))
    shutil.copytree(minilm.onnx_int8().parent, installation.models / "minilm")
    try:
        with HttpProcess(installation) as http:
            yield http
    finally:
        installation.stop()


@pytest.fixture(scope="module")
def host(serving: HttpProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """Of the one that asks."""
    here = _asking(serving, tmp_path_factory.mktemp("here"), serving.token)
    try:
        with here.host() as process:
            yield process
    finally:
        here.stop()


def _asking(serving: HttpProcess, root: Path, token: str) -> Installation:
    return Installation(root, servers=f"other={serving.address}/v1", server_keys=f"other={token}")


def chat(host: HostProcess, **fields: Any) -> dict[str, Any]:
    last = host.result("chat", model=MODEL, **{"messages": CAPITAL, "options": GREEDY, **fields})
    assert last["event"] == "done", last
    return dict(last["result"])


def test_its_models_are_listed_and_answer(host: HostProcess) -> None:
    names = [it["name"] for it in host.result("list_models")["result"]["models"]]
    assert {MODEL, "other/minilm", "smollm2-135m"} <= set(names)
    *events, last = host.events(host.send("chat", model=MODEL, messages=CAPITAL, options=GREEDY))
    pieces = [event["text"] for event in events if event["event"] == "token"]
    assert len(pieces) > 1
    assert "".join(pieces) == last["result"]["text"] == "The capital of France is Paris."
    assert last["result"]["usage"]["prompt_tokens"] > 20
    assert last["result"]["engine"] == "openai_compatible"


def test_tools_schemas_and_probabilities_pass_through(host: HostProcess) -> None:
    choice = {"type": "function", "function": {"name": "tell_time"}}
    (call,) = chat(host, tools=TOOLS, tool_choice=choice)["tool_calls"]
    assert json.loads(call["function"]["arguments"])["zone"] in {"UTC", "CET"}
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    assert isinstance(json.loads(chat(host, options={**GREEDY, "response_format": form})["text"])["ok"], bool)
    found = chat(host, options={**GREEDY, "logprobs": True, "top_logprobs": 2})["logprobs"]
    assert "".join(it["token"] for it in found) == "The capital of France is Paris."
    assert all(len(it["top_logprobs"]) == 2 for it in found)


def test_embeddings(host: HostProcess) -> None:
    there, here = (
        host.result("embed", model="other/minilm", input=text)["result"]["embeddings"] for text in ("a cat", ["a cat"])
    )
    assert there == here
    assert len(there[0]) == 384


def test_a_cancel_reaches_it(host: HostProcess, serving: HttpProcess) -> None:
    story = [{"role": "user", "content": "Write a very long story."}]
    request = host.send("chat", model=MODEL, messages=story, options={"max_tokens": 5000, "temperature": 0})
    events = host.events(request)
    next(event for event in events if event["event"] == "token")

    def active() -> int:
        status = serving.post("/tabagent/v1/status").json()
        return sum(model["active_requests"] for model in status["models"])

    assert active() == 1
    host.result("cancel", target=request)
    assert list(events)[-1]["event"] == "cancelled"
    eventually(lambda: active() == 0, timeout_s=15)


def test_without_its_token_nothing_is_told(serving: HttpProcess, tmp_path: Path) -> None:
    stranger = _asking(serving, tmp_path / "stranger", "mistaken")
    try:
        with stranger.host() as host:
            assert [it["name"] for it in host.result("list_models")["result"]["models"]] == ["smollm2-135m"]
            error = host.result("chat", model=MODEL, messages=CAPITAL)["error"]
            assert error["code"] == "engine_unavailable"
    finally:
        stranger.stop()
