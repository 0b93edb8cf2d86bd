"""The frame decoder, by every split and at every limit."""

from __future__ import annotations

import struct

import pytest

from native_host.protocol.errors import LocalProtocolError, RemoteProtocolError
from native_host.protocol.framing import EndOfStream, FrameDecoder, OversizedFrame, Signal, encode_frame


def drain(decoder: FrameDecoder) -> list[object]:
    events: list[object] = []
    while not isinstance(event := decoder.next_event(), Signal | EndOfStream):
        events.append(event)
    return events


def test_every_way_to_split_two_frames_gives_the_same_payloads() -> None:
    stream = encode_frame(b'{"a":1}') + encode_frame(b"") + encode_frame("ü".encode())
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            decoder = FrameDecoder()
            seen = []
            for part in (stream[:first], stream[first:second], stream[second:]):
                if part:
                    decoder.receive_data(part)
                seen += drain(decoder)
            assert seen == [b'{"a":1}', b"", "ü".encode()]


@pytest.mark.parametrize(("data", "cut"), [(b"", ""), (b"\1", "header"), (b"\1\0\0\0", "body"), (b"\2\0\0\0x", "body")])
def test_end_of_stream_says_what_was_cut(data: bytes, cut: str) -> None:
    decoder = FrameDecoder()
    if data:
        decoder.receive_data(data)
    decoder.receive_data(b"")
    assert decoder.next_event() == EndOfStream(cut)


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_payloads_up_to_the_limit_pass(size: int) -> None:
    decoder = FrameDecoder(max_payload=10)
    decoder.receive_data(encode_frame(b"x" * size))
    assert drain(decoder) == [b"x" * size]


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_payload_above_the_limit_is_dropped_and_the_next_one_is_whole(step: int) -> None:
    decoder = FrameDecoder(max_payload=10)
    stream = encode_frame(b"x" * 11) + encode_frame(b"next")
    seen: list[object] = []
    for start in range(0, len(stream), step):
        decoder.receive_data(stream[start : start + step])
        seen += drain(decoder)
    assert seen == [OversizedFrame(11), b"next"]


def test_an_impossible_length_ends_the_connection() -> None:
    decoder = FrameDecoder(max_announced=100, max_payload=10)
    decoder.receive_data(struct.pack("=I", 101))
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.next_event()
    assert caught.value.details == {"length": 101, "limit": 100}


def test_we_never_send_what_a_browser_would_refuse() -> None:
    assert len(encode_frame(b"x" * 8, limit=8)) == 12
    with pytest.raises(LocalProtocolError):
        encode_frame(b"x" * 9, limit=8)
