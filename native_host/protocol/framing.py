"""Native messaging frames: a native-endian u32 length, then that many bytes.

Law of the decoder: memory follows the bytes received, never a length announced.
A frame longer than ``max_payload`` is dropped as it arrives; one longer than ``max_announced`` ends the connection,
because no browser can produce it and the stream can no longer be trusted.
Source: the native messaging documentation of Chrome and of Firefox.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, auto

from native_host.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError

MAX_FRAME_TO_HOST = 64 * 1024 * 1024
MAX_REQUEST = 16 * 1024 * 1024
MAX_FRAME_TO_BROWSER = 1024 * 1024

_HEADER = struct.Struct("=I")
_COMPACT_AT = 64 * 1024


class Signal(Enum):
    """What the decoder returns when it has no frame."""

    NEED_DATA = auto()


@dataclass(frozen=True, slots=True)
class OversizedFrame:
    """A frame of ``length`` bytes was announced and is being dropped."""

    length: int


@dataclass(frozen=True, slots=True)
class EndOfStream:
    """The other side closed. ``cut`` names what it left unfinished: ``"header"``, ``"body"`` or nothing."""

    cut: str = ""


class FrameDecoder:
    """Bytes in, payloads out."""

    def __init__(self, *, max_announced: int = MAX_FRAME_TO_HOST, max_payload: int = MAX_FRAME_TO_HOST) -> None:
        self._max_announced = max_announced
        self._max_payload = max_payload
        self._buffer = bytearray()
        self._start = 0
        self._length: int | None = None
        self._to_drop = 0
        self._ended = False

    def receive_data(self, data: bytes) -> None:
        """Add what was read; ``b""`` means end of file."""
        if not data:
            self._ended = True
        elif self._to_drop:
            dropped = min(self._to_drop, len(data))
            self._to_drop -= dropped
            self._buffer += data[dropped:]
        else:
            self._buffer += data

    def next_event(self) -> bytes | OversizedFrame | EndOfStream | Signal:
        """The next payload, or why there is none.

        Raises:
            RemoteProtocolError: ``frame_too_large``; the connection cannot go on.
        """
        if self._length is None:
            if len(self._buffer) - self._start < _HEADER.size:
                return self._starved("header" if len(self._buffer) > self._start or self._to_drop else "")
            (self._length,) = _HEADER.unpack_from(self._buffer, self._start)
            self._start += _HEADER.size
        length = self._length
        if length > self._max_announced:
            raise RemoteProtocolError(
                ErrorCode.FRAME_TOO_LARGE,
                f"A frame of {length:,} bytes was announced; at most {self._max_announced:,} are possible. "
                "Something other than a native messaging frame was written to the host.",
                length=length,
                limit=self._max_announced,
            )
        if length > self._max_payload:
            self._drop(length)
            return OversizedFrame(length)
        if len(self._buffer) - self._start < length:
            return self._starved("body")
        payload = bytes(memoryview(self._buffer)[self._start : self._start + length])
        self._consume(length)
        return payload

    def _drop(self, length: int) -> None:
        here = min(length, len(self._buffer) - self._start)
        self._to_drop = length - here
        self._consume(here)

    def _consume(self, length: int) -> None:
        self._length = None
        self._start += length
        if self._start == len(self._buffer) or self._start > _COMPACT_AT:
            del self._buffer[: self._start]
            self._start = 0

    def _starved(self, cut: str) -> EndOfStream | Signal:
        return EndOfStream(cut) if self._ended else Signal.NEED_DATA


def encode_frame(payload: bytes, *, limit: int = MAX_FRAME_TO_HOST) -> bytes:
    """``payload`` with its header.

    Raises:
        LocalProtocolError: it is longer than ``limit``; the receiver would close the connection.
    """
    if len(payload) > limit:
        raise LocalProtocolError(f"frame of {len(payload)} bytes, limit {limit}")
    return _HEADER.pack(len(payload)) + payload
