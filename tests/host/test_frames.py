"""Rows F1-F22 of the bad inputs: what arrives on the host's stdin, however broken, and what it answers."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.support import Installation, Process, eventually

MIB = 1024 * 1024


def frame(payload: bytes) -> bytes:
    return struct.pack("=I", len(payload)) + payload


def status_request(request_id: object = 1) -> bytes:
    return frame(json.dumps({"id": request_id, "action": "status"}).encode())


def refusal(host: HostProcess) -> dict[str, Any]:
    """The next error that belongs to no request."""
    event = next(host.events(None, timeout_s=10))
    assert event["event"] == "error"
    assert event["error"]["message"]
    return event["error"]


def assert_alive(host: HostProcess) -> None:
    assert host.result("status", timeout_s=10)["event"] == "done"


# ----------------------------------------------------------------------------------------- end of file


def test_f1_end_of_file_before_any_byte(shared: Installation) -> None:
    host = shared.host()
    eventually(lambda: Process(host.process.pid).command.count("tabagent-host"))
    assert host.close(timeout_s=1.5) == 0
    assert host.stderr == ""


@pytest.mark.parametrize("header", [b"\x01", b"\x01\x00", b"\x01\x00\x00"])
def test_f2_end_of_file_in_the_header(shared: Installation, header: bytes) -> None:
    with shared.host() as host:
        host.write(header)
        assert host.close() == 0
        assert "truncated header" in host.stderr


def test_f3_end_of_file_in_the_body(shared: Installation) -> None:
    with shared.host() as host:
        request = json.dumps({"id": 1, "action": "unload_model", "model": "smollm2-135m"}).encode()
        host.write(struct.pack("=I", len(request)) + request[:-1])
        assert host.close() == 0
        assert "truncated body" in host.stderr


# --------------------------------------------------------------------------------------------- framing


def test_f4_dribbled_bytes(host: HostProcess) -> None:
    host._queues[1] = host._queues[None]
    host._connection._in_flight.add(1)
    for byte in status_request():
        host.write(bytes([byte]))
        time.sleep(0.01)
    assert next(host.events(None))["event"] == "done"


def test_f4_a_hundred_frames_in_one_write(host: HostProcess) -> None:
    blob = b""
    for number in range(100):
        host._queues[number] = host._queues[None]
        blob += host._connection.send({"id": number, "action": "cancel", "target": 10**6})
    host.write(blob)
    events = host.events(None)
    answered = [next(events) for _ in range(100)]
    assert {event["id"] for event in answered} == set(range(100))
    assert {event["event"] for event in answered} == {"done"}


def test_f5_a_frame_of_length_zero(host: HostProcess) -> None:
    host.write(frame(b""))
    assert refusal(host)["code"] == "bad_json"
    assert_alive(host)


@pytest.mark.parametrize("length", [64 * MIB + 1, 2**31, 2**32 - 1])
def test_f6_a_length_no_browser_can_send(shared: Installation, length: int) -> None:
    with shared.host() as host:
        assert_alive(host)
        before = Process(host.process.pid).rss
        host.write(struct.pack("=I", length))
        error = refusal(host)
        assert error["code"] == "frame_too_large"
        assert error["details"]["length"] == length
        assert host.process.wait(1.5) == 3
        assert before < 30 * MIB


def test_f6_an_announced_length_takes_no_memory(host: HostProcess) -> None:
    assert_alive(host)
    before = Process(host.process.pid).rss
    host.write(struct.pack("=I", 15 * MIB))
    host.write(b" " * 1000)
    time.sleep(0.2)
    assert Process(host.process.pid).rss - before < MIB


def test_f7_a_request_above_our_limit_is_dropped_as_it_arrives(host: HostProcess) -> None:
    assert_alive(host)
    before = Process(host.process.pid).rss
    host.write(struct.pack("=I", 60 * MIB))
    peak = before
    for _ in range(60):
        host.write(b"x" * MIB)
        peak = max(peak, Process(host.process.pid).rss)
    assert refusal(host)["code"] == "request_too_large"
    assert_alive(host)
    assert peak - before < 4 * MIB


@pytest.mark.parametrize("typed", [b"hello\n", b"2023-01-18 12:00:00 started\n", struct.pack(">I", 60) + b"{" * 60])
def test_f8_text_or_the_wrong_byte_order(shared: Installation, typed: bytes) -> None:
    with shared.host() as host:
        host.write(typed)
        assert refusal(host)["code"] == "frame_too_large"
        assert host.process.wait(1.5) == 3
        assert "not a native messaging frame" in host.stderr


# ------------------------------------------------------------------------------------------------ JSON

STATUS = '{"id":1,"action":"status"}'


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(b'{"id":1,"action":"\xff"}', "bad_utf8", id="F9 invalid byte"),
        pytest.param(b'{"id":1,"action":"\xc0\xaf"}', "bad_utf8", id="F9 overlong"),
        pytest.param(b'{"id":1,"action":"\xed\xa0\x80"}', "bad_utf8", id="F9 surrogate bytes"),
        pytest.param(STATUS.encode("utf-16"), "bad_utf8", id="F9 UTF-16"),
        pytest.param(STATUS.encode("utf-32"), "bad_utf8", id="F9 UTF-32"),
        pytest.param(STATUS.encode("utf-8-sig"), "bad_utf8", id="F9 byte-order mark"),
        pytest.param(STATUS.encode("utf-16-le"), "bad_json", id="F9 UTF-16 without a mark"),
        pytest.param(b'{"id":1,', "bad_json", id="F10 cut"),
        pytest.param(STATUS.encode() + b" x", "bad_json", id="F10 trailing bytes"),
        pytest.param(STATUS.encode() * 2, "bad_json", id="F10 two documents"),
        pytest.param(b'{"id":1,/* no */"action":"status"}', "bad_json", id="F10 comment"),
        pytest.param(b"{'id':1,'action':'status'}", "bad_json", id="F10 single quotes"),
        pytest.param(b'{"id":1,"action":"status",}', "bad_json", id="F10 trailing comma"),
        pytest.param(b"[" * 100_000, "too_deep", id="F11 open"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep", id="F11 balanced"),
        pytest.param(b'{"id":1,"action":"status","x":' + b"[" * 64 + b"]" * 64 + b"}", "too_deep", id="F11 65 deep"),
        pytest.param(b'"status"', "bad_request", id="F12 string"),
        pytest.param(b"7", "bad_request", id="F12 number"),
        pytest.param(b'[{"id":1}]', "bad_request", id="F12 array"),
        pytest.param(b"null", "bad_request", id="F12 null"),
        pytest.param(b'{"id":1,"action":"status","x":NaN}', "bad_json", id="F13 NaN"),
        pytest.param(b'{"id":1,"action":"status","x":-Infinity}', "bad_json", id="F13 Infinity"),
        pytest.param(b'{"id":1,"action":"status","x":1e999}', "bad_json", id="F13 1e999"),
        pytest.param(b'{"id":1,"action":"status","x":' + b"9" * 5000 + b"}", "bad_json", id="F13 5,000 digits"),
        pytest.param(b'{"id":1,"id":2,"action":"status"}', "duplicate_key", id="F14 id"),
        pytest.param(b'{"id":1,"action":"chat","options":{"seed":1,"seed":2}}', "duplicate_key", id="F14 nested"),
        pytest.param(b'{"action":"status"}', "bad_request", id="F15 no id"),
        pytest.param(b'{"id":{},"action":"status"}', "bad_request", id="F15 object"),
        pytest.param(b'{"id":true,"action":"status"}', "bad_request", id="F15 boolean"),
        pytest.param(b'{"id":-1,"action":"status"}', "bad_request", id="F15 negative"),
        pytest.param(b'{"id":1.5,"action":"status"}', "bad_request", id="F15 fraction"),
        pytest.param(b'{"id":9007199254740993,"action":"status"}', "bad_request", id="F15 above 2^53"),
        pytest.param(b'{"id":"' + b"x" * 10_000 + b'","action":"status"}', "bad_request", id="F15 10 KB"),
        pytest.param(b'{"id":"","action":"status"}', "bad_request", id="F15 empty"),
    ],
)
def test_f9_to_f15_what_is_no_request(host: HostProcess, payload: bytes, code: str) -> None:
    host.write(frame(payload))
    assert refusal(host)["code"] == code
    assert_alive(host)


def test_f9_escaped_lone_surrogates_are_replaced(host: HostProcess, shared: Installation) -> None:
    model = shared.chaos_model()
    text = json.dumps({"id": "s", "action": "tokenize", "text": "X", **model}).replace('"X"', r'"a\ud800b"')
    host._queues["s"] = host._queues[None]
    host._connection._in_flight.add("s")
    host.write(frame(text.encode()))
    done = next(event for event in host.events(None) if event["event"] == "done")
    assert bytes(done["result"]["tokens"]).decode() == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("request_id", [0, 2**53, "x", "ü" * 64, 'q"\\uote'])
def test_f15_ids_at_their_limits_are_echoed(host: HostProcess, request_id: object) -> None:
    assert list(host.events(host.send("status", request_id=request_id)))[-1]["id"] == request_id


# --------------------------------------------------------------------------------------------- requests


def test_f16_an_id_in_flight_is_refused_and_the_first_is_untouched(host: HostProcess, shared: Installation) -> None:
    prompt = json.dumps({"tokens": 20, "interval_ms": 20})
    first = host.send("generate", prompt=prompt, **shared.chaos_model())
    host.write(status_request(first))
    error = refusal(host)
    assert (error["code"], error["details"]["id"]) == ("duplicate_id", first)
    rest = list(host.events(first))
    assert rest[-1]["event"] == "done"
    assert rest[-1]["result"]["usage"]["completion_tokens"] == 20


@pytest.mark.parametrize("action", ["nope", "__proto__", "constructor", "../x", "", "pause", "x" * 10_000])
def test_f17_unknown_actions(host: HostProcess, action: str) -> None:
    assert host.result(action)["error"]["code"] == "unknown_action"
    assert_alive(host)


CHAT = {"model": "smollm2-135m", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({**CHAT, "model": 7}, "model"),
        ({**CHAT, "model": ""}, "model"),
        ({"model": "m"}, "messages"),
        ({**CHAT, "messages": []}, "messages"),
        ({**CHAT, "messages": "hello"}, "messages"),
        ({**CHAT, "messages": [{"role": "root", "content": "x"}]}, "messages.0.role"),
        ({**CHAT, "messages": [{"role": "user", "content": None}]}, "messages.0"),
        ({**CHAT, "messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({**CHAT, "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({**CHAT, "tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({**CHAT, "options": {"max_tokens": True}}, "options.max_tokens"),
        ({**CHAT, "options": {"max_tokens": "1"}}, "options.max_tokens"),
        ({**CHAT, "options": {"max_tokens": 0}}, "options.max_tokens"),
        ({**CHAT, "options": {"max_tokens": -(2**31)}}, "options.max_tokens"),
        ({**CHAT, "options": {"max_tokens": 2**62}}, "options.max_tokens"),
        ({**CHAT, "options": {"max_tokens": 1.5}}, "options.max_tokens"),
        ({**CHAT, "options": {"temperature": -1}}, "options.temperature"),
        ({**CHAT, "options": {"temperature": 1e308}}, "options.temperature"),
        ({**CHAT, "options": {"top_p": 1.1}}, "options.top_p"),
        ({**CHAT, "options": {"seed": -1}}, "options.seed"),
        ({**CHAT, "options": {"seed": 2**32}}, "options.seed"),
        ({**CHAT, "options": {"stop": [""]}}, "options.stop.0"),
        ({**CHAT, "options": {"stop": ["x"] * 17}}, "options.stop"),
        ({**CHAT, "options": {"context_length": 2**40}}, "options.context_length"),
        ({**CHAT, "options": None}, "options"),
    ],
)
def test_f18_wrong_parameters_name_their_path(host: HostProcess, fields: dict[str, Any], path: str) -> None:
    error = host.result("chat", **fields)["error"]
    assert (error["code"], error["details"]["path"]) == ("bad_param", path)


def test_f18_unknown_fields_are_ignored(host: HostProcess) -> None:
    assert host.result("status", colour="blue", options={"x": 1})["event"] == "done"


def test_f19_cancel_is_idempotent(host: HostProcess, shared: Installation) -> None:
    assert host.result("cancel", target=10**6)["result"] == {"cancelled": False}
    finished = host.send("status")
    list(host.events(finished))
    assert host.result("cancel", target=finished)["result"] == {"cancelled": False}
    prompt = json.dumps({"tokens": 10_000, "interval_ms": 10})
    running = host.send("generate", prompt=prompt, **shared.chaos_model())
    events = host.events(running)
    next(event for event in events if event["event"] == "token")
    first, second = host.send("cancel", target=running), host.send("cancel", target=running)
    assert list(events)[-1] == {"id": running, "event": "cancelled"}
    assert list(host.events(first))[-1]["result"] == {"cancelled": True}
    assert list(host.events(second))[-1]["event"] == "done"
    assert host.result("cancel", target=running)["result"] == {"cancelled": False}


def test_f20_a_flood_of_requests(host: HostProcess, shared: Installation) -> None:
    count = 10_000
    prompt = json.dumps({"tokens": 1, "interval_ms": 500})
    fields = {"prompt": prompt, **shared.chaos_model()}
    host.result("load_model", model=fields["model"], engine="chaos")
    before = Process(host.process.pid).rss
    blob = bytearray()
    for number in range(count):
        host._queues[number] = host._queues[None]
        blob += host._connection.send({"id": number, "action": "generate", **fields})
    host.write(bytes(blob))
    ends: dict[int, str] = {}
    events = host.events(None, timeout_s=60)
    while len(ends) < count:
        event = next(events)
        if event["event"] in ("done", "error"):
            assert event["id"] not in ends
            ends[event["id"]] = event["error"]["code"] if event["event"] == "error" else "done"
    accepted = sum(end == "done" for end in ends.values())
    assert 64 <= accepted < count
    assert set(ends.values()) == {"done", "busy"}
    assert Process(host.process.pid).rss - before < 64 * MIB
    assert_alive(host)


# ---------------------------------------------------------------------------------------------- answers


def token_overhead(request_id: int) -> int:
    return len(json.dumps({"id": request_id, "event": "token", "text": ""}, separators=(",", ":")))


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1])
def test_f21_answers_around_one_mib(host: HostProcess, shared: Installation, size: int) -> None:
    """The harness refuses a frame above 1 MiB, as a browser does; it gets every text whole all the same."""
    request_id = 1000 + size - MIB
    repeat = size - token_overhead(request_id)
    prompt = json.dumps({"tokens": 1, "text": "a", "size": repeat})
    host.send("generate", request_id=request_id, prompt=prompt, **shared.chaos_model())
    tokens = [event["text"] for event in host.events(request_id) if event["event"] == "token"]
    assert [len(text) for text in tokens] == [repeat]


@pytest.mark.parametrize("character", ["\0", '"', "é", "😀", "\\", "\N{REPLACEMENT CHARACTER}"])
def test_f21_what_grows_when_escaped_is_split_by_bytes(host: HostProcess, shared: Installation, character: str) -> None:
    prompt = json.dumps({"tokens": 2, "text": character, "size": 600_000})
    *_, done = host.ask("generate", prompt=prompt, **shared.chaos_model())
    assert done["result"]["text"] == character * 1_200_000


def test_f22_figures_that_are_no_json(host: HostProcess, shared: Installation) -> None:
    prompt = '{"tokens": 2, "prefill_ms": NaN}'
    assert host.result("generate", prompt=prompt, **shared.chaos_model())["error"]["code"] == "generation_failed"
    assert_alive(host)


def test_f22_text_that_is_no_utf8(host: HostProcess, shared: Installation) -> None:
    prompt = r'{"tokens": 2, "text": "a\udc80"}'
    done = host.result("generate", prompt=prompt, **shared.chaos_model())
    assert done["result"]["text"] == "a\N{REPLACEMENT CHARACTER}" * 2


# ------------------------------------------------------------------- bytes that a text mode would translate

TRANSLATED = [0x0A, 0x0D, 0x1A, 0x0A0A, 0x0A0D, 0x0D0A, 0x1A1A, 0x1A0A, 0x0D0A0D]
"""Lengths whose bytes are line feeds, carriage returns and Windows' end of file."""


@pytest.mark.parametrize("length", TRANSLATED, ids=hex)
def test_f46_lengths_of_control_bytes_are_read(host: HostProcess, length: int) -> None:
    request = status_request()[4:]
    if length < len(request):
        host.write(frame(b"[1" + b" " * (length - 3) + b"]"))
        assert refusal(host)["code"] == "bad_request"
    else:
        host._queues[1] = host._queues[None]
        host._connection._in_flight.add(1)
        spaces = bytes(b"\n\r"[index % 2] for index in range(length - len(request)))
        host.write(frame(request[:-1] + spaces + b"}"))
        assert next(host.events(None, timeout_s=10))["event"] == "done"
    assert_alive(host)


def test_f46_answers_of_every_length_are_written_whole(host: HostProcess) -> None:
    """The low byte of the answers' lengths takes every value: each quote of an id adds two bytes."""
    for step in range(256):
        request = host.send("x" * (1 + step % 2), request_id='"' * (1 + step // 2))
        assert next(host.events(request, timeout_s=10))["error"]["code"] == "unknown_action"


def test_f46_control_bytes_in_an_answer_arrive(tabagent: Installation) -> None:
    text = "\r\n\n\r\x1a\x00" * 99
    with tabagent.host() as host:
        prompt = json.dumps({"tokens": 1, "text": text})
        assert host.result("generate", prompt=prompt, **tabagent.chaos_model())["result"]["text"] == text
