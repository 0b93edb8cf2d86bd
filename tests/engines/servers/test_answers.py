"""Answers of a server: whole, in pieces, refused, garbled, late, and no longer wanted."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.engines.servers.asking import CHAT, HELLO, KEY, Install, chat, pid
from tests.servers.brain import Script
from tests.servers.fake import Fault
from tests.servers.openai import FakeOpenAI
from tests.support import eventually


def test_an_answer_comes_in_pieces_with_the_servers_own_counts(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.brain = Script(interval_s=0.05)
    events = list(
        host.ask("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 6, "seed": 3, "stop": ["x"]})
    )
    assert len([event for event in events if event["event"] == "token"]) > 1
    result = events[-1]["result"]
    assert (result["text"], result["finish_reason"], result["engine"]) == (
        "1 2 3 4 5 6 ",
        "length",
        "openai_compatible",
    )
    assert result["usage"] == {"prompt_tokens": 2, "completion_tokens": 6, "total_tokens": 8, "cached_tokens": 0}
    assert result["timings"]["decode_ms"] > 200
    (body,) = gpu.bodies(CHAT)
    assert body["messages"] == HELLO
    assert {name: body[name] for name in ("model", "max_tokens", "seed", "stop", "stream")} == {
        "model": "small",
        "max_tokens": 6,
        "seed": 3,
        "stop": ["x"],
        "stream": True,
    }
    assert not {"top_k", "min_p", "repeat_penalty"} & set(body), "not every server takes them"
    assert all(it.headers["authorization"] == f"Bearer {KEY}" for it in gpu.asked)


@pytest.mark.parametrize(("told", "means"), [("x", "x"), (128009, None), (None, None)])
def test_the_stop_sequence_as_vllm_tells_it(host: HostProcess, gpu: FakeOpenAI, told: object, means: object) -> None:
    choice = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop", "stop_reason": told}
    gpu.faults[CHAT] = Fault(body=f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    result = chat(host)["result"]
    assert (result["text"], result["finish_reason"], result["stop_sequence"]) == ("hi", "stop", means)


@pytest.mark.parametrize(
    "fault",
    [Fault(bytes_at_once=1), Fault(bytes_at_once=1, crlf=True), Fault(without_end=True), Fault(bytes_at_once=7)],
    ids=["bytes", "crlf", "no end", "sevens"],
)
def test_streams_of_any_shape(host: HostProcess, gpu: FakeOpenAI, fault: Fault) -> None:
    gpu.faults[CHAT] = fault
    result = chat(host)["result"]
    assert (result["text"], result["usage"]["completion_tokens"]) == ("1 2 3 4 5 ", 5)


REFUSALS = {
    "500": (Fault(status=500, body=b"<html>\n<h1>Oops</h1></html>", content_type="text/html"), "generation_failed"),
    "429": (Fault(status=429, body=b'{"error": {"message": "slow down"}}'), "busy"),
    "503": (Fault(status=503, body=b'{"error": {"message": "Loading model"}}'), "busy"),
    "401": (Fault(status=401, body=b'{"error": {"message": "wrong key sk-very-secret-0815"}}'), "engine_unavailable"),
    "403": (Fault(status=403, body=b"sk-very-secret-0815 is not welcome"), "engine_unavailable"),
    "404": (Fault(status=404, body=b'{"error": {"message": "The model `x` does not exist."}}'), "model_not_found"),
    "no such endpoint": (Fault(status=404, body=b'{"detail":"Not Found"}'), "unsupported_task"),
    "418": (Fault(status=418, body=b"your key is sk-very-secret-0815, teapot"), "generation_failed"),
    "html": (Fault(body=b"<html>hello</html>", content_type="text/html"), "generation_failed"),
    "not JSON": (Fault(body=b"data: {hello\n\n", content_type="text/event-stream"), "generation_failed"),
    "not an object": (Fault(body=b"data: 5\n\n", content_type="text/event-stream"), "generation_failed"),
    "no choices": (Fault(body=b'data: {"choices": 5}\n\n', content_type="text/event-stream"), "generation_failed"),
    "empty": (Fault(body=b"\n", content_type="text/event-stream"), "generation_failed"),
    "error within": (Fault(body=b'data: {"error": {"message": "no memory", "code": 500}}\n\n'), "generation_failed"),
    "cut": (Fault(cut_after=3), "generation_failed"),
    "vLLM's overflow": (
        Fault(
            status=400,
            body=b'{"object":"error","message":"This model\'s maximum context length is 2048 tokens. However, you '
            b'requested 9000 tokens.","code":400}',
        ),
        "context_overflow",
    ),
    "OpenAI's overflow": (
        Fault(status=400, body=b'{"error": {"code": "context_length_exceeded", "message": "too long"}}'),
        "context_overflow",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_server_refuses_or_garbles_is_said(host: HostProcess, gpu: FakeOpenAI, name: str) -> None:
    fault, code = REFUSALS[name]
    host.result("load_model", model="gpu/small")
    before = pid(host)
    gpu.faults[CHAT] = fault
    error = chat(host)["error"]
    assert error["code"] == code, error
    assert error["details"]["server"] == "gpu"
    assert KEY not in json.dumps(error)
    assert len(error["message"]) < 500
    assert error["message"].isprintable()
    if name == "vLLM's overflow":
        assert (error["details"]["prompt_tokens"], error["details"]["context_length"]) == (9000, 2048)
    if name in ("401", "403"):
        assert "TABAGENT_SERVER_KEYS=gpu=" in error["message"]
    gpu.faults.clear()
    assert chat(host)["event"] == "done"
    assert pid(host) == before, "the worker went on"


@pytest.mark.parametrize(
    "fault", [Fault(stall_after=3), Fault(first_byte_after_s=60)], ids=["in the middle", "at once"]
)
def test_a_server_that_stalls_takes_nobody_else_with_it(host: HostProcess, gpu: FakeOpenAI, fault: Fault) -> None:
    host.result("load_model", model="gpu/small")
    before = pid(host)
    gpu.faults[CHAT] = fault
    began = time.monotonic()
    stuck = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 5})
    assert host.result("generate", model="gpu/small", prompt="a", options={"max_tokens": 3})["event"] == "done"
    error = list(host.events(stuck, timeout_s=30))[-1]["error"]
    assert (error["code"], error["details"]["server"]) == ("engine_timeout", "gpu")
    assert 1.5 < time.monotonic() - began < 30, "the server would wait for 60 s"
    assert pid(host) == before


def test_a_server_that_says_that_it_lives_is_waited_for(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.faults[CHAT] = Fault(first_byte_after_s=4, ping_every_s=0.5)
    assert chat(host)["result"]["text"] == "1 2 3 4 5 "


@pytest.mark.parametrize("when", ["prefill", "decode"])
def test_cancel_closes_the_connection(host: HostProcess, gpu: FakeOpenAI, when: str) -> None:
    host.result("load_model", model="gpu/small")
    gpu.brain = Script(interval_s=0.05)
    gpu.faults[CHAT] = Fault(first_byte_after_s=30 if when == "prefill" else 0)
    request = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 900})
    events = host.events(request, timeout_s=10)
    if when == "decode":
        next(event for event in events if event["event"] == "token")
    else:
        eventually(lambda: gpu.bodies(CHAT))
    began = time.monotonic()
    host.result("cancel", target=request)
    assert list(events)[-1]["event"] == "cancelled"
    assert gpu.dropped.wait(10)
    assert time.monotonic() - began < 10, "the server would wait for 30 s"


SAMPLING = {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.1}


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ("llamacpp", {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.1, "repeat_last_n": 64}),
        ("vllm", {"top_k": -1, "min_p": 0.1, "repetition_penalty": 1.1}),
        ("openai", {}),
    ],
)
def test_each_server_is_told_what_it_understands(install: Install, owner: str, told: dict[str, Any]) -> None:
    with FakeOpenAI("small", owner=owner) as server, install(servers=f"gpu={server.url}").host() as host:
        assert chat(host, options=SAMPLING)["event"] == "done"
        (body,) = server.bodies(CHAT)
        standard = {"model", "messages", "max_tokens", "temperature", "top_p", "stream", "stream_options"}
        assert {name: value for name, value in body.items() if name not in standard} == told
