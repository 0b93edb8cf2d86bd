"""TabAgent's own routes: the actions of the protocol over HTTP, no more and no less, with the same answers."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from native_host.protocol.messages.requests import REQUESTS
from native_host.transports.http.app import application
from native_host.transports.http.own import NOT_OVER_HTTP, PREFIX
from native_host.transports.http.service import Service
from native_host.transports.http.slots import Slots
from tabagent_harness.http_process import HttpProcess
from tests.support import Installation, eventually


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_every_action_is_on_both_transports_or_says_why_not(shared: Installation) -> None:
    with shared.host() as host:
        over_frames = set(host.result("hello")["result"]["actions"])
    paths = application(Service(None, Slots(1))).openapi()["paths"]  # type: ignore[arg-type]
    over_http = {
        path.removeprefix(PREFIX + "/") for path, it in paths.items() if path.startswith(PREFIX) and "post" in it
    }
    assert over_http | set(NOT_OVER_HTTP) == over_frames == set(REQUESTS)
    assert not over_http & set(NOT_OVER_HTTP)
    assert all(len(reason) > 20 for reason in NOT_OVER_HTTP.values())


def test_both_transports_say_the_same(http: HttpProcess, shared: Installation) -> None:
    with shared.host() as host:
        for action in ("hello", "hardware", "list_models"):
            over_frames = host.result(action)["result"]
            over_http = http.post(f"{PREFIX}/{action}").json()
            for changing in ("memory",):
                over_frames.pop(changing, None), over_http.pop(changing, None)
            assert over_http == over_frames
            assert set(http.client.get(f"{PREFIX}/{action}").json()) >= set(over_http)
        failed = host.result("load_model", model="nothing")["error"]
        assert http.post(f"{PREFIX}/load_model", model="nothing").json()["error"] == failed


def test_events_are_streamed_when_asked_for(http: HttpProcess, shared: Installation) -> None:
    model = shared.chaos_model()
    whole = http.post(f"{PREFIX}/generate", prompt='{"tokens": 4}', **model).json()
    assert whole["text"] == "0 1 2 3 "
    answer = http.post(f"{PREFIX}/generate", prompt='{"tokens": 4}', stream=True, **model)
    assert answer.headers["content-type"].startswith("text/event-stream")
    stream = events(answer.text)
    assert "".join(event["text"] for event in stream if event["event"] == "token") == "0 1 2 3 "
    assert stream[-1]["result"]["finish_reason"] == whole["finish_reason"]


def test_a_failure_before_the_first_event_has_a_status(http: HttpProcess) -> None:
    answer = http.post(f"{PREFIX}/generate", model="nothing", prompt="x", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_a_failure_after_the_first_event_is_the_last_event(http: HttpProcess, shared: Installation) -> None:
    model = shared.chaos_model("crash")
    answer = http.post(
        f"{PREFIX}/generate", prompt='{"tokens": 9, "fault": "abort", "at": 5, "interval_ms": 50}', stream=True, **model
    )
    assert answer.status_code == 200
    assert events(answer.text)[-1]["error"]["code"] == "engine_crashed"


def test_what_is_wrong_is_named(http: HttpProcess) -> None:
    answer = http.post(f"{PREFIX}/chat", model="m", messages=[{"role": "user", "content": 7}])
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_param"
    assert answer.json()["error"]["details"]["path"] == "messages.0.content"
    answer = http.post(f"{PREFIX}/chat", model="m", messages=[{"role": "user", "content": "x"}], tool_choice="required")
    assert answer.json()["error"]["details"]["path"] == "tool_choice"
    assert answer.json()["error"]["message"] == "tool_choice: is required, and there are no tools."
    for body, code in {
        b'{"model": "a", "model": "b"}': "duplicate_key",
        b'{"model": NaN}': "bad_json",
        b"[": "bad_json",
        b"\xff\xfe{\x00}\x00": "bad_utf8",
        b"[" * 100_000: "too_deep",
        b"[]": "bad_param",
        b"": "bad_param",
    }.items():
        answer = http.client.post(f"{PREFIX}/load_model", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), body[:40]
    assert http.post(f"{PREFIX}/no_such_action").json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_its_request(http: HttpProcess, shared: Installation, stream: bool) -> None:
    model = shared.chaos_model(f"endless-{stream}".lower())
    http.post(f"{PREFIX}/load_model", **model)
    body = {"prompt": '{"tokens": 1000000, "interval_ms": 2}', "stream": stream, **model}
    before = shared.log().count("chaos was cancelled")
    with socket.create_connection(("127.0.0.1", http.port)) as connection:
        connection.sendall(http.raw("POST", f"{PREFIX}/generate", body))
        eventually(lambda: active(http) == 1)
        if stream:
            assert b"200 OK" in connection.recv(4096)
    eventually(lambda: active(http) == 0)
    eventually(lambda: shared.log().count("chaos was cancelled") == before + 1)


def active(http: HttpProcess) -> int:
    return sum(model["active_requests"] for model in http.client.get(f"{PREFIX}/status").json()["models"])
