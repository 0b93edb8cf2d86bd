"""Rows S3 and S19: what a client sends, and what it does not read, costs other clients nothing."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from native_host.protocol import large_json, strict_json
from native_host.protocol.connection import Refused, ServerConnection
from native_host.protocol.errors import RemoteProtocolError
from tabagent_harness import HostProcess
from tests.host.test_frames import frame
from tests.support import Installation, best_of, named, peak_rss

MIB = 1024 * 1024
STALL_S = 0.25
PARSE_S = 0.2
"""Twice what a slow machine takes, and a third of what ``json`` takes."""


def filled(item: bytes, size: int = 16 * MIB) -> bytes:
    """Return a request of about ``size`` bytes, most of which are a list of ``item``."""
    count = (size - 100) // (len(item) + 1)
    return b'{"id": 7, "action": "hello", "x": [' + b",".join([item] * count) + b"]}"


def text_of(part: bytes, *, quote: bytes = b'"', size: int = 16 * MIB) -> bytes:
    """Return a request of about ``size`` bytes that has a text of nothing but ``part``."""
    count = (size - 100) // len(part)
    return b'{"id": 7, "action": "hello", "x": ' + quote + part * count + quote + b"}"


def broker_socket(tabagent: Installation) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    (path,) = Path(tabagent.environ["TABAGENT_RUNTIME_DIR"]).rglob("*.sock*")
    connection.connect(os.fspath(path))
    return connection


HOSTILE = {
    "objects": filled(b"{}"),
    "lists": filled(b"[]"),
    "numbers": filled(b"1"),
    "floats": filled(b"0." + b"1" * 62, 200_000 * 65),
    "strings": filled(b'""'),
    "lists in objects": filled(b'{"a":[]}', 28_000 * 9),
    "keys": b'{"id": 7, "action": "hello", ' + b",".join(b'"%0200d":1' % number for number in range(55_000)) + b"}",
    "escapes": text_of(b"\\u00e9"),
    "escaped text": text_of(b"some more words\\n"),
    "allowed escapes": text_of(b"some more words and even more text\\n"),
    "lone surrogates": text_of(b"\\ud83d" + b"x" * 900),
    "repaired": text_of(b"\\ud83d" + b"x" * 90, size=8 * MIB),
    "quotation marks": text_of(b'\\"'),
    "digits": text_of(b"1", quote=b""),
    "exponent": b'{"x": 1e' + b"9" * 16 * MIB + b"}",
    "UTF-8": text_of("\N{GRINNING FACE}".encode()),
    "bad UTF-8": text_of(b"x")[:-2] + b"\xff",
    "braces in a text": text_of(b"{[,:"),
    "not closed": b'{"x": "' + b"a" * 16 * MIB,
}
"""Requests of up to 16 MiB that take long to parse, or did."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_s3_parsing_takes_no_time_and_memory(kind: str) -> None:
    payload = HOSTILE[kind][: 16 * MIB]
    with suppress(RemoteProtocolError):
        strict_json.loads_request(b'{"x": "' + b"y" * 20_000 + b'"}')  # which imports the parser
    took = []
    for _ in range(3):
        began = time.thread_time()
        with suppress(RemoteProtocolError):
            strict_json.loads_request(payload)
        took.append(time.thread_time() - began)
    assert min(took) < PARSE_S


DOCUMENTS = [
    b'{"a":1,"b":[1,2,{"c":null}]}', b'{"a":"x","a":"y"}', b'{"\\u0061":1,"a":2}', b"[1e5,-0.0,0,-0,1.25,true,false]",
    b'"\\ud83d\\ude00\\uD83D"', b'"\\udc00\\ud83d\\ud83d\\ude00\\ude00"', b'"\\ud83"', b'"\\ud8zz"', b'"\\\\ud800"',
    b'"\\\\\\ud800"', b'"\\u12\\ufffd"', b'{"x:y":"a:b","z":{}}', b'{"\\u003a":{"k":1,"k":2}}', b"NaN", b"[-Infinity]",
    b"1e999", b"-" + b"9" * 19, b"9" * 20, b"9" * 5000, b"01", b"1.", b".5", b"+1", b"-", b"[1,]", b"{,}", b'{"a"}',
    b"[1]x", b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b'{"a":' * 300 + b"1" + b"}" * 300,
    b"[" * 20_000, b'{"a":' * 100_000,
    b"\xef\xbb\xbf1", b'"\xff"', b'"\xed\xa0\x80"', b'"a\nb"', b'"\x00"', b"\x0b1", b'"\\x"', b'"', b"", b" ",
    b'"\\/\\b\x7f"',
    "\N{GRINNING FACE}".encode(),
]  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: repr(document[:20]))
def test_s3_a_large_document_is_parsed_as_a_small_one(document: bytes) -> None:
    def outcome(payload: bytes) -> str:
        try:
            return repr(strict_json.loads_request(payload))
        except RemoteProtocolError as error:
            return error.code

    assert outcome(document + b" " * large_json.LARGE_BYTES) == outcome(document)


def test_s3_what_is_allowed_is_parsed_whole() -> None:
    text = '{[,\\"\N{GRINNING FACE}' * 60_000
    picture = [[[0.12345678901234567] * 3] * 224] * 224
    message = {"text": text, "picture": picture}
    assert strict_json.loads_request(json.dumps(message).encode()) == message


@pytest.mark.parametrize("kind", ["escapes", "objects", "numbers"])
def test_s3_what_is_too_much_to_parse_is_refused_by_its_id(kind: str) -> None:
    connection = ServerConnection()
    connection.receive_data(frame(HOSTILE[kind]))
    refused = connection.next_event()
    assert isinstance(refused, Refused)
    event = json.loads(refused.frames[4:])
    assert (event["id"], event["error"]["code"]) == (7, "bad_json")


@pytest.mark.parametrize("kind", HOSTILE)
def test_s3_hostile_frames_stall_no_other_stream(shared: Installation, host: HostProcess, kind: str) -> None:
    order = json.dumps({"tokens": 1_000_000, "interval_ms": 20})
    stream = host.send("generate", prompt=order, **shared.chaos_model())
    events = host.events(stream)
    next(event for event in events if event["event"] == "token")

    def longest_stall() -> float:
        with broker_socket(shared) as attacker:
            sender = threading.Thread(target=attacker.sendall, args=(frame(HOSTILE[kind][: 16 * MIB]) * 2,))
            sender.start()
            slowest = 0.0
            ended = time.monotonic() + 0.4
            while sender.is_alive() or time.monotonic() < ended:
                last = time.monotonic()
                next(events)
                slowest = max(slowest, time.monotonic() - last)
            sender.join()
            return slowest

    assert best_of(longest_stall, STALL_S) < STALL_S
    assert peak_rss(named(shared, "native_host.broker").pid) < 400 * MIB
    host.send("cancel", target=stream)
    assert list(events)[-1]["event"] == "cancelled"


def test_s19_a_client_that_never_reads_is_not_read(tabagent: Installation) -> None:
    with tabagent.host() as host:
        host.result("hello")
        before = named(tabagent, "native_host.broker").rss
        with broker_socket(tabagent) as attacker:
            attacker.settimeout(1)
            bad = frame(b"x") * 50_000
            with pytest.raises(TimeoutError):
                attacker.sendall(bad * 200)
            assert named(tabagent, "native_host.broker").rss - before < 64 * MIB
            assert host.result("hello")["event"] == "done"
