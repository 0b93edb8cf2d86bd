"""Lines and events of a body that comes in pieces, split anywhere.

Server-sent events: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

MAX_LINE = 16 * 1024 * 1024
"""Characters; a server that sends more without a line's end sends no events."""


class LineTooLong(Exception):
    """Nothing that a stream of events holds."""


def split_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines without their ends (LF, CRLF or CR), and at last what has no end.

    Raises:
        LineTooLong
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    waiting: list[str] = []
    length, ended_with_cr = 0, False
    for piece in pieces:
        text = decoder.decode(piece)
        if ended_with_cr and text.startswith("\n"):
            text = text[1:]
        if not text:
            continue
        ended_with_cr = text.endswith("\r")
        first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        waiting.append(first)
        length += len(first)
        if length > MAX_LINE:
            raise LineTooLong
        if others:
            yield "".join(waiting)
            yield from others[:-1]
            waiting, length = [others[-1]], len(others[-1])
    if rest := "".join(waiting) + decoder.decode(b"", final=True):
        yield rest


def event_data(lines: Iterable[str]) -> Iterator[str]:
    """The data of each event. One that the stream's end cut off is given as well: whoever reads it sees what it is."""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data"):
            name, _, value = line.partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))
    if data:
        yield "\n".join(data)
