"""Events survive being split at any byte, and every way to end a line."""

from __future__ import annotations

import pytest

from backends.http.lines import MAX_LINE, LineTooLong, event_data, split_lines

STREAM = (
    ': hello\n\ndata: {"a": "é😀"}\n\nevent: x\nid: 1\ndata: two\ndata:lines\n\ndatabase: no\ndata\n\ndata: [DONE]\n\n'
)
EVENTS = ['{"a": "é😀"}', "two\nlines", "", "[DONE]"]


def events(pieces: list[bytes]) -> list[str]:
    return list(event_data(split_lines(pieces)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order mark"])
def test_any_split(end: str, mark: str) -> None:
    whole = (mark + STREAM.replace("\n", end)).encode()
    for at in range(len(whole) + 1):
        assert events([whole[:at], whole[at:]]) == EVENTS
    assert events([whole[at : at + 1] for at in range(len(whole))]) == EVENTS
    assert events([b"", *(whole[at : at + 3] for at in range(0, len(whole), 3)), b""]) == EVENTS


def test_the_end_of_the_stream_ends_an_event() -> None:
    assert events([b"data: a\n\ndata: b"]) == ["a", "b"]
    assert events([b"data: b\n"]) == ["b"]
    assert events([]) == []


def test_bytes_that_are_no_text() -> None:
    assert events([b"data: \xff\xfe\n\n"]) == ["\ufffd\ufffd"]


def test_a_line_without_end_is_given_up() -> None:
    with pytest.raises(LineTooLong):
        list(split_lines(b"x" * 65536 for _ in range(MAX_LINE // 65536 + 2)))
