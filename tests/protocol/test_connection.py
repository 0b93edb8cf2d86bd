"""The two ends wired together, no pipe between them: exactly one end per request, whatever happens."""

from __future__ import annotations

import json
import random

import pytest

from native_host.protocol import chunks, strict_json
from native_host.protocol.connection import ClientConnection, Event, Refused, Request, ServerConnection
from native_host.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError, TabAgentError
from native_host.protocol.framing import EndOfStream, Signal, encode_frame

MIB = 1024 * 1024


def ask(client: ClientConnection, server: ServerConnection, **message: object) -> Request | Refused:
    server.receive_data(client.send({"action": "status", **message}))
    event = server.next_event()
    assert isinstance(event, Request | Refused)
    return event


def receive(client: ClientConnection, frames: bytes) -> list[Event]:
    client.receive_data(frames)
    events = []
    while isinstance(event := client.next_event(), Event):
        events.append(event)
    return events


def test_a_request_and_its_answer() -> None:
    client, server = ClientConnection(), ServerConnection()
    request = ask(client, server, id=1)
    assert isinstance(request, Request)
    assert server.in_flight == client.in_flight == {1}
    (token,) = receive(client, server.send({"id": 1, "event": "token", "text": "x"}))
    assert not token.is_terminal
    (done,) = receive(client, server.send({"id": 1, "event": "done", "result": {}}))
    assert done.is_terminal
    assert server.in_flight == client.in_flight == set()


@pytest.mark.parametrize("last", [{"event": "done", "result": {}}, {"event": "cancelled"}])
def test_nothing_follows_the_last_event(last: dict[str, object]) -> None:
    client, server = ClientConnection(), ServerConnection()
    ask(client, server, id=1)
    server.send({"id": 1, **last})
    with pytest.raises(LocalProtocolError):
        server.send({"id": 1, "event": "token", "text": "late"})


def test_an_id_can_be_used_again_after_its_end() -> None:
    client, server = ClientConnection(), ServerConnection()
    for _ in range(3):
        assert isinstance(ask(client, server, id="a"), Request)
        receive(client, server.send({"id": "a", "event": "done", "result": {}}))


def test_an_event_that_is_no_json_changes_nothing() -> None:
    client, server = ClientConnection(), ServerConnection()
    ask(client, server, id=1)
    with pytest.raises(ValueError, match="JSON"):
        server.send({"id": 1, "event": "done", "result": {"x": float("nan")}})
    assert server.in_flight == {1}


def test_the_limit_of_requests_in_flight_lets_cancel_through() -> None:
    client, server = ClientConnection(), ServerConnection(max_in_flight=2)
    assert isinstance(ask(client, server, id=1), Request)
    assert isinstance(ask(client, server, id=2), Request)
    refused = ask(client, server, id=3)
    assert isinstance(refused, Refused)
    (busy,) = receive(client, refused.frames)
    assert busy.message["error"]["code"] == "busy"
    assert busy.message["error"]["retryable"] is True
    assert isinstance(ask(client, server, id=4, action="cancel"), Request)


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1])
def test_chunks_begin_above_the_limit(size: int) -> None:
    client, server = ClientConnection(max_incoming=MIB), ServerConnection(max_outgoing=MIB)
    ask(client, server, id=7)
    empty = len(strict_json.dumps({"id": 7, "event": "token", "text": ""}))
    frames = server.send({"id": 7, "event": "token", "text": "x" * (size - empty)})
    assert (len(frames) == size + 4) == (size <= MIB)
    (event,) = receive(client, frames)
    assert len(event.message["text"]) == size - empty


def test_random_text_survives_chunks_whole() -> None:
    rng = random.Random(7)
    alphabet = 'aé😀"\\\0\n\N{LINE SEPARATOR}'
    for request_id in (1, "i" * 128, "\0" * 128):
        text = "".join(rng.choices(alphabet, k=700_000))
        payload = strict_json.dumps({"id": request_id, "event": "token", "text": text})
        rejoiner = chunks.Rejoiner(max_bytes=64 * MIB)
        whole = None
        for part in chunks.split(payload, request_id):
            assert len(part) <= chunks.MAX_CHUNK_FRAME
            assert whole is None
            whole = rejoiner.add(json.loads(part))
        assert whole == payload


@pytest.mark.parametrize("seqs", [[1], [0, 2], [0, 0]])
def test_chunks_out_of_order_are_an_error(seqs: list[int]) -> None:
    rejoiner = chunks.Rejoiner(max_bytes=100)
    parts = [{"id": 1, "event": "chunk", "seq": seq, "last": False, "data": "x"} for seq in seqs]
    for part in parts[:-1]:
        rejoiner.add(part)
    with pytest.raises(RemoteProtocolError):
        rejoiner.add(parts[-1])


@pytest.mark.parametrize("message", [{"id": 9, "event": "done"}, {"event": "done"}, {"id": 1}, [1]])
def test_a_server_that_says_nonsense_is_not_believed(message: object) -> None:
    client, server = ClientConnection(), ServerConnection()
    ask(client, server, id=1)
    client.receive_data(encode_frame(json.dumps(message).encode()))
    with pytest.raises(RemoteProtocolError):
        client.next_event()


def test_end_of_file_and_hunger() -> None:
    server = ServerConnection()
    assert server.next_event() is Signal.NEED_DATA
    server.receive_data(b"")
    assert server.next_event() == EndOfStream()


def test_errors_cross_a_connection_unchanged() -> None:
    for error in (TabAgentError(code, "Why.", path="x") for code in ErrorCode):
        event = error.as_event(1)
        again = TabAgentError.from_event(event["error"])
        assert (again.code, again.message, again.details) == (error.code, "Why.", {"path": "x"})
